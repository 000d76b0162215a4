import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../src/base/limits.ts";
import { openDatabase, transaction } from "../../src/base/sqlite.ts";
import type { SpoolEntry } from "../../src/spool/spool.ts";
import { Spool } from "../../src/spool/spool.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

const ALL = { records: 100, bytes: 1_000_000 };
const DAY_MS = 24 * 3_600_000;
/** Of payloads that take 10 bytes each, as {@linkcode put} makes them, five. */
const QUOTAS = { tracking: { bytes: 50, ageMs: DAY_MS }, logs: { bytes: 50, ageMs: DAY_MS } };

function spooling(quotas?: typeof QUOTAS) {
  const home = temporaryDatabase();
  const clock = new TestClock();
  const spool = new Spool(home.db, clock, quotas);
  const entries = (channel = "tracking", after = 0) => spool.head(channel, after, ALL).entries;
  return { home, clock, spool, entries, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

/** 10 bytes of JSON that begin with a number. */
const payload = (n: number) => `${n}`.padEnd(8, ".");
const numbers = (entries: readonly SpoolEntry[]) => entries.map((entry) => entry.seq);

Deno.test("payloads come out in the order in which they were put in, and stay until they are settled", () => {
  using t = spooling();
  for (const n of [1, 2, 3]) t.spool.put("tracking", { n });

  const waiting = [{ seq: 1, payload: { n: 1 } }, { seq: 2, payload: { n: 2 } }, {
    seq: 3,
    payload: { n: 3 },
  }];
  assertEquals(t.entries(), waiting);
  assertEquals(t.entries("tracking", 1), waiting.slice(1));
  t.spool.settle("tracking", 2);
  assertEquals(t.entries(), waiting.slice(2));
});

Deno.test("each channel has a stream and an order of its own", () => {
  using t = spooling(QUOTAS);
  t.spool.put("tracking", 1);
  t.spool.put("logs", 2);
  t.spool.put("tracking", 3);
  assertEquals(t.entries(), [{ seq: 1, payload: 1 }, { seq: 2, payload: 3 }]);
  assertEquals(t.entries("logs"), [{ seq: 1, payload: 2 }]);
  assertNotEquals(t.spool.stream("tracking"), t.spool.stream("logs"));
  assertThrows(() => t.spool.put("other", 1), SallyportError, "no quota for the channel other");
});

Deno.test("a payload that was put in within a transaction that fails is not there", () => {
  using t = spooling();
  assertThrows(() =>
    transaction(t.home.db, () => {
      t.spool.put("tracking", { n: 1 });
      throw new Error("the work failed");
    })
  );
  assertEquals([t.entries(), t.spool.counts()], [[], []]);
});

Deno.test("numbers are never given twice, also when the spool was empty and reopened", () => {
  using t = spooling();
  t.spool.put("tracking", {});
  t.spool.settle("tracking", 1);
  const stream = t.spool.stream("tracking");
  t.home.db.close();

  using db = openDatabase(t.home.path);
  const again = new Spool(db, t.clock);
  again.put("tracking", {});
  assertEquals(numbers(again.head("tracking", 0, ALL).entries), [2]);
  assertEquals([again.stream("tracking"), again.total()], [stream, 2]);
});

Deno.test("a head keeps both of its limits, but always holds the oldest payload", () => {
  using t = spooling();
  for (let n = 0; n < 5; n++) t.spool.put("tracking", "x".repeat(98));

  assertEquals(t.spool.head("tracking", 0, { records: 2, bytes: 1_000 }).entries.length, 2);
  assertEquals(t.spool.head("tracking", 0, { records: 9, bytes: 300 }).entries.length, 2);
  assertEquals(t.spool.head("tracking", 0, { records: 9, bytes: 1 }).entries.length, 1);
});

Deno.test("a payload over the limit is refused when it is put in, not when it is sent", () => {
  using t = spooling();
  assertThrows(
    () => t.spool.put("tracking", "x".repeat(MAX_PAYLOAD_BYTES)),
    SallyportError,
    "the spool takes",
  );
  assertEquals(t.spool.total(), 0);
});

Deno.test("a row that cannot be read is set aside, a gap takes its place, and the others are not held up", () => {
  using t = spooling();
  for (const n of [1, 2, 3]) t.spool.put("tracking", { n });
  t.home.db.exec("UPDATE spool SET payload = '{torn' WHERE seq = 2");

  const { entries, unreadable } = t.spool.head("tracking", 0, ALL);
  assertEquals(unreadable.map(({ seq }) => seq), [2]);
  const time = t.clock.now();
  assertEquals(entries, [
    { seq: 1, payload: { n: 1 } },
    { seq: 2, gap: { reason: "unreadable", records: 1, bytes: 7, first: time, last: time } },
    { seq: 3, payload: { n: 3 } },
  ]);
  assertEquals(t.entries(), entries);
  assertEquals(t.spool.quarantined(), 1);
  const kept = t.home.db.prepare("SELECT seq, payload FROM spool_quarantine").all();
  assertEquals(kept.map((row) => ({ ...row })), [{ seq: 2, payload: "{torn" }]);
});

Deno.test("over the quota of bytes the oldest goes, and one growing gap stands in the place of all that went", async () => {
  using t = spooling(QUOTAS);
  const start = t.clock.now();
  for (let n = 1; n <= 5; n++) t.spool.put("tracking", payload(n));
  assertEquals(numbers(t.entries()), [1, 2, 3, 4, 5]);
  await t.clock.advance(1_000);
  t.spool.put("tracking", payload(6));
  t.spool.put("logs", payload(1)); // has a quota of its own
  t.spool.put("tracking", payload(7));
  t.home.db.exec("UPDATE spool SET put_at = put_at + 7 WHERE channel = 'tracking' AND seq = 3");
  t.spool.put("tracking", payload(8));

  assertEquals(numbers(t.entries()), [1, 4, 5, 6, 7, 8]);
  const gap = { reason: "quota-bytes" as const, records: 3, bytes: 30, first: start, last: start + 7 };
  assertEquals(t.entries()[0], { seq: 1, gap });
  const [logs, tracking] = t.spool.counts();
  assertEquals([logs?.waiting, logs?.gaps], [1, 0]);
  assertEquals([tracking?.waiting, tracking?.gaps, tracking?.bytes, tracking?.quotaUsed], [6, 1, 50, 1]);
  assertEquals(tracking?.oldest, start);
});

Deno.test("what may have been sent is not dropped, and a gap that may have been sent does not grow", () => {
  using t = spooling(QUOTAS);
  const gaps = () => t.entries().flatMap((entry) => "gap" in entry ? [[entry.seq, entry.gap.records]] : []);
  for (let n = 1; n <= 6; n++) t.spool.put("tracking", payload(n));
  t.spool.sent("tracking", 1); // the gap in the place of the first
  t.spool.put("tracking", payload(7));
  assertEquals([numbers(t.entries()), gaps()], [[1, 2, 3, 4, 5, 6, 7], [[1, 1], [2, 1]]]);

  t.spool.sent("tracking", 3);
  for (let n = 8; n <= 9; n++) t.spool.put("tracking", payload(n));
  assertEquals([numbers(t.entries()), gaps()], [[1, 2, 3, 4, 6, 7, 8, 9], [[1, 1], [2, 1], [4, 2]]]);
  t.spool.settle("tracking", 4);
  assertEquals(t.spool.counts()[0]?.waiting, 4);
});

Deno.test("what was never sent and is over its age goes; what is younger stays", async () => {
  using t = spooling(QUOTAS);
  t.spool.put("tracking", payload(1));
  t.spool.put("tracking", payload(2));
  t.spool.sent("tracking", 1);
  await t.clock.advance(1_000);
  t.spool.put("tracking", payload(3));
  await t.clock.advance(DAY_MS - 500);
  assertEquals(t.spool.expire(), 1);
  assertEquals(t.spool.expire(), 0);
  const waiting = t.entries();
  assertEquals(numbers(waiting), [1, 2, 3]);
  const time = t.clock.now() - DAY_MS - 500;
  const gap = { reason: "quota-age" as const, records: 1, bytes: 10, first: time, last: time };
  assertEquals(waiting[1], { seq: 2, gap });
});
