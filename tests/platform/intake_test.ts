import { assert, assertEquals } from "@std/assert";
import { MAX_CREDIT_BYTES } from "../../src/base/limits.ts";
import type { Sender } from "../../src/platform/ingest/intake.ts";
import { Intake } from "../../src/platform/ingest/intake.ts";
import { TestClock } from "../support/clock.ts";

/** A sender that notes what it is granted. */
function sender(): Sender & { granted: number[] } {
  const granted: number[] = [];
  return { granted, grant: (credit) => granted.push(credit) };
}

/** An intake with a store that takes so many bytes in a millisecond; storing moves the time on. */
function intake(rate: number) {
  const clock = new TestClock();
  const intake = new Intake(clock);
  return {
    clock,
    intake,
    async store(from: Sender, bytes: number): Promise<number> {
      await clock.advance(bytes / rate);
      return intake.stored(from, bytes, bytes / rate);
    },
  };
}

Deno.test("while the store is idle everybody may send as much as the protocol allows", async () => {
  const t = intake(100_000);
  const senders = Array.from({ length: 20 }, sender);
  assertEquals(senders.map((each) => t.intake.creditFor(each)), senders.map(() => MAX_CREDIT_BYTES));
  for (const each of senders) {
    await t.clock.advance(20);
    assertEquals(await t.store(each, 200_000), MAX_CREDIT_BYTES);
  }
});

Deno.test("one agent alone may always send, and less the slower the store is", async () => {
  for (const [rate, expected] of [[10_000, MAX_CREDIT_BYTES], [500, 500_000], [10, 64 * 1024]] as const) {
    const t = intake(rate);
    const one = sender();
    let credit = 200_000;
    for (let n = 0; n < 12; n++) credit = await t.store(one, Math.min(credit, 200_000));
    assertEquals(Math.round(credit), expected);
  }
});

Deno.test("a busy store is shared; when the shares get too small, agents take turns and none waits for ever", async () => {
  const t = intake(333); // room for five at a time
  const senders = Array.from({ length: 12 }, sender);
  const rounds = new Map(senders.map((each) => [each, 0]));
  const credit = new Map(senders.map((each) => [each, 256 * 1024]));
  const queue = [...senders];
  let waited = 0;
  for (let n = 0; n < 72; n++) {
    const next = queue.shift();
    if (!next) throw new Error("nobody may send");
    credit.set(next, await t.store(next, Math.min(256 * 1024, credit.get(next)!)));
    rounds.set(next, rounds.get(next)! + 1);
    for (const each of senders) credit.set(each, each.granted.splice(0).at(-1) ?? credit.get(each)!);
    for (const each of senders) if (credit.get(each)! > 0 && !queue.includes(each)) queue.push(each);
    waited = Math.max(waited, senders.filter((each) => credit.get(each) === 0).length);
  }
  assert(waited >= 6, `only ${waited} had to wait`);
  const counts = [...rounds.values()];
  assert(Math.max(...counts) - Math.min(...counts) <= 1, `unequal turns: ${counts}`);
});

Deno.test("whoever waits is told when the others are done, or gone", async () => {
  const t = intake(333);
  const senders = Array.from({ length: 6 }, sender);
  for (let n = 0; n < 8; n++) await t.store(senders[0]!, 200_000);
  const credits = senders.slice(1).map((each) => t.intake.creditFor(each));
  assertEquals(credits.map((credit) => credit > 0), [true, true, true, true, false]);
  const waiting = senders.at(-1)!;
  t.intake.left(senders[0]!);
  assertEquals(waiting.granted.length, 1);

  assertEquals(t.intake.creditFor(senders[0]!), 0);
  await t.clock.advance(3_000);
  assertEquals(senders[0]!.granted.length, 1);
});
