import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Database } from "../../src/base/sqlite.ts";
import { openDatabase } from "../../src/base/sqlite.ts";
import type { SpoolEntry } from "../../src/spool/spool.ts";
import { Spool } from "../../src/spool/spool.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/home.ts";

const AGE_MS = 1_000;
const CHANNELS = ["tracking", "logs"] as const;
type Channel = (typeof CHANNELS)[number];
const QUOTAS = { tracking: { bytes: 500, ageMs: AGE_MS }, logs: { bytes: 400, ageMs: AGE_MS } };

/** The platform's side of one channel: it takes what is new to it by the rule of the protocol, and nothing else. */
class Receiver {
  readonly taken: SpoolEntry[] = [];
  through = 0;

  receive(entries: readonly SpoolEntry[]): void {
    this.taken.push(...entries.filter(({ seq }) => seq > this.through));
    this.through = Math.max(this.through, entries.at(-1)?.seq ?? 0);
  }
}

/** The spool with its sender, as the pump is one, and with everything that can happen to it. */
class Agent {
  readonly home = temporaryDatabase();
  readonly clock = new TestClock();
  readonly put: Record<Channel, { id: number; bytes: number }[]> = { tracking: [], logs: [] };
  readonly receivers = { tracking: new Receiver(), logs: new Receiver() };
  #db: Database = this.home.db;
  spool = this.#open();
  /** Up to which number each channel is on its way. */
  #under: Record<Channel, number> = { tracking: 0, logs: 0 };

  add(channel: Channel, size: number): void {
    const id = this.put[channel].length;
    const payload = { id, fill: "x".repeat(size) };
    this.put[channel].push({ id, bytes: JSON.stringify(payload).length });
    this.spool.put(channel, payload);
  }

  /** Sends a batch; `fate` says how far it and its acknowledgement come. */
  send(channel: Channel, records: number, fate: "lost" | "unacknowledged" | "stored"): boolean {
    const { entries } = this.spool.head(channel, this.#under[channel], { records, bytes: 400 });
    const through = entries.at(-1)?.seq;
    if (through === undefined) return false;
    this.spool.sent(channel, through);
    this.#under[channel] = through;
    if (fate === "lost") this.disconnect();
    else this.receivers[channel].receive(entries);
    if (fate === "stored") this.spool.settle(channel, this.receivers[channel].through);
    return true;
  }

  disconnect(): void {
    this.#under = { tracking: 0, logs: 0 };
  }

  tear(channel: Channel, which: number): void {
    const rows = this.#db.prepare("SELECT seq FROM spool WHERE channel = ?").all(channel);
    const row = rows[which % Math.max(1, rows.length)];
    if (row) {
      this.#db.prepare("UPDATE spool SET payload = '{' WHERE channel = ? AND seq = ?").run(channel, row.seq!);
    }
  }

  reopen(): void {
    this.#db.close();
    this.#db = openDatabase(this.home.path);
    this.spool = this.#open();
    this.disconnect();
  }

  #open(): Spool {
    this.#db.exec("PRAGMA synchronous = OFF"); // no power is cut here
    return new Spool(this.#db, this.clock, QUOTAS);
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close();
    this.home[Symbol.dispose]();
  }
}

const channel = fc.constantFrom(...CHANNELS);
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("add" as const), channel, size: fc.nat(300) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("send" as const),
        channel,
        records: fc.integer({ min: 1, max: 4 }),
        fate: fc.constantFrom("lost" as const, "unacknowledged" as const, "stored" as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("disconnect" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("tear" as const), channel, which: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(AGE_MS) }) },
  ),
  { maxLength: 60 },
);

Deno.test("whatever happens, what arrived and what the gap records count is what was put in, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (story) => {
      using agent = new Agent();
      for (const step of story) {
        if (step.do === "add") agent.add(step.channel, step.size);
        if (step.do === "send") agent.send(step.channel, step.records, step.fate);
        if (step.do === "disconnect") agent.disconnect();
        if (step.do === "reopen") agent.reopen();
        if (step.do === "tear") agent.tear(step.channel, step.which);
        if (step.do === "wait") {
          await agent.clock.advance(step.ms);
          agent.spool.expire();
        }
        for (const { bytes, channel: name } of agent.spool.counts()) {
          // Over the quota is only what may have been sent.
          assert(bytes <= QUOTAS[name as Channel].bytes + 800, `${name} keeps ${bytes} bytes`);
        }
      }
      agent.disconnect();
      for (const name of CHANNELS) while (agent.send(name, 5, "stored"));
      assertEquals(agent.spool.counts(), []);
      for (const name of CHANNELS) checkAccount(agent.put[name], agent.receivers[name].taken);
    }),
    { numRuns: 200 },
  );
});

/** Between two payloads that arrived, gaps count exactly those that did not. */
function checkAccount(put: readonly { bytes: number }[], taken: readonly SpoolEntry[]): void {
  let next = 0;
  let lost = { records: 0, bytes: 0 };
  const close = (upTo: number) => {
    const missing = put.slice(next, upTo);
    assertEquals(lost.records, missing.length);
    assert(lost.bytes === missing.reduce((sum, { bytes }) => sum + bytes, 0));
    lost = { records: 0, bytes: 0 };
    next = upTo + 1;
  };
  for (const entry of taken) {
    if ("gap" in entry) {
      lost = { records: lost.records + entry.gap.records, bytes: lost.bytes + entry.gap.bytes };
    } else close((entry.payload as { id: number }).id);
  }
  close(put.length);
}
