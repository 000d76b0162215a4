import { assertEquals, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../src/base/limits.ts";
import { openDatabase, transaction } from "../../src/base/sqlite.ts";
import { Spool } from "../../src/spool/spool.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

const ALL = { records: 100, bytes: 1_000_000 };

Deno.test("payloads come out in the order in which they were put in, and stay until they are settled", () => {
  using home = temporaryDatabase();
  const spool = new Spool(home.db, new TestClock());
  for (const n of [1, 2, 3]) spool.put("tracking", { n });

  assertEquals(spool.head("tracking", ALL).payloads.map(({ payload }) => payload), [{ n: 1 }, { n: 2 }, {
    n: 3,
  }]);
  assertEquals(spool.head("tracking", ALL).payloads.length, 3);
  assertEquals(spool.settle("tracking", 2), 2);
  assertEquals(spool.head("tracking", ALL).payloads, [{ seq: 3, payload: { n: 3 } }]);
});

Deno.test("a payload that was put in within a transaction that fails is not there", () => {
  using home = temporaryDatabase();
  const spool = new Spool(home.db, new TestClock());
  assertThrows(() =>
    transaction(home.db, () => {
      spool.put("tracking", { n: 1 });
      throw new Error("the work failed");
    })
  );
  assertEquals(spool.head("tracking", ALL).payloads, []);
});

Deno.test("sequence numbers are never used twice, also when the spool was empty and reopened", () => {
  using home = temporaryDatabase();
  const clock = new TestClock();
  const spool = new Spool(home.db, clock);
  spool.put("tracking", {});
  spool.settle("tracking", 1);
  const { stream } = spool;
  home.db.close();

  using db = openDatabase(home.path);
  const again = new Spool(db, clock);
  again.put("tracking", {});
  assertEquals(again.head("tracking", ALL).payloads[0]?.seq, 2);
  assertEquals(again.stream, stream);
  assertEquals(again.total(), 2);
});

Deno.test("a head keeps both of its limits, but always holds the oldest payload", () => {
  using home = temporaryDatabase();
  const spool = new Spool(home.db, new TestClock());
  for (let n = 0; n < 5; n++) spool.put("tracking", "x".repeat(98));

  assertEquals(spool.head("tracking", { records: 2, bytes: 1_000 }).payloads.length, 2);
  assertEquals(spool.head("tracking", { records: 9, bytes: 250 }).payloads.length, 2);
  assertEquals(spool.head("tracking", { records: 9, bytes: 1 }).payloads.length, 1);
});

Deno.test("a row that cannot be read is set aside and named, and does not hold up the others", () => {
  using home = temporaryDatabase();
  const spool = new Spool(home.db, new TestClock());
  for (const n of [1, 2, 3]) spool.put("tracking", { n });
  home.db.exec("UPDATE spool SET payload = '{torn' WHERE seq = 2");

  const head = spool.head("tracking", ALL);
  assertEquals(head.payloads.map(({ seq }) => seq), [1, 3]);
  assertEquals(head.unreadable.map(({ seq }) => seq), [2]);
  assertEquals(
    home.db.prepare("SELECT seq, payload FROM spool_quarantine").all().map((row) => ({ ...row })),
    [
      { seq: 2, payload: "{torn" },
    ],
  );
});

Deno.test("a payload over the limit is refused when it is put in, not when it is sent", () => {
  using home = temporaryDatabase();
  const spool = new Spool(home.db, new TestClock());
  assertThrows(() => spool.put("tracking", "x".repeat(MAX_PAYLOAD_BYTES)), SallyportError, "the spool takes");
  assertEquals(spool.total(), 0);
});
