import { assertEquals } from "@std/assert";
import { newestPayload, waitingPayloads } from "../../src/spool/contents.ts";
import { Spool } from "../../src/spool/spool.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

Deno.test("what waits in one channel is read in its order, and the newest that is JSON by itself", () => {
  using home = temporaryDatabase();
  assertEquals([...waitingPayloads(home.db, "tracking")], []);
  assertEquals(newestPayload(home.db, "tracking"), undefined);

  const quota = { bytes: 1_000_000, ageMs: 60_000 };
  const spool = new Spool(home.db, new TestClock(), { tracking: quota, logs: quota });
  const numbers = Array.from({ length: 450 }, (_, i) => i + 1); // more than are read at once
  for (const n of numbers) spool.put("tracking", { n });
  spool.put("logs", "another channel");
  home.db.exec("UPDATE spool SET payload = '{' WHERE channel = 'tracking' AND seq IN (2, 449, 450)");

  const expected = numbers.map((n) => ({ seq: n, payload: [2, 449, 450].includes(n) ? undefined : { n } }));
  assertEquals([...waitingPayloads(home.db, "tracking")], expected);
  assertEquals(newestPayload(home.db, "tracking"), { seq: 448, payload: { n: 448 } });
  home.db.exec("UPDATE spool SET payload = '{'");
  assertEquals(newestPayload(home.db, "tracking"), undefined);
});
