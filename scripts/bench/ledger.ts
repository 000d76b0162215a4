/**
 * The ledger: how fast it is checked beside SHA-256 of the same bytes, how fast it is written beside plain SQLite, and
 * how much an idle agent adds to it in a day.
 *
 *   deno run -A scripts/bench/ledger.ts [--json]
 */
import { join } from "@std/path";
import type { Clock } from "../../src/base/clock.ts";
import { DAY_MS } from "../../src/base/clock.ts";
import { sha256Hex } from "../../src/base/digest.ts";
import type { Database } from "../../src/base/sqlite.ts";
import { command, openDatabase } from "../../src/base/sqlite.ts";
import { LedgerKeeper } from "../../src/ledger/keeper.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerReader } from "../../src/ledger/reader.ts";
import { verification } from "../../src/ledger/verify.ts";
import { heartbeat, SIGNERS } from "../../tests/ledger/support.ts";
import type { Figure } from "./lib.ts";
import { median, print } from "./lib.ts";

const ROUNDS = 5;
const HEARTBEAT_MS = 30_000;
const DAYS = 30;
const POLICY = "0".repeat(64);

const folder = await Deno.makeTempDir({ prefix: "sallyport-bench-" });
const figures: Figure[] = [];
try {
  for (const [size, entries] of [[300, 100_000], [4_096, 50_000], [131_072, 2_000]] as const) {
    measureChecking(size, entries);
  }
  measureWriting();
  measureIdleDays();
} finally {
  await Deno.remove(folder, { recursive: true });
}
print(`The ledger; median of ${ROUNDS} rounds`, figures);

/** A clock that its user moves. */
function clockAt(start: number): Clock & { time: number } {
  const clock = { time: start, now: () => clock.time, monotonic: () => clock.time, after: () => () => {} };
  return clock;
}

function open(name: string): Database & Disposable {
  const db = openDatabase(join(folder, name));
  return Object.assign(db, { [Symbol.dispose]: () => db.close() });
}

function keeperOf(db: Database, clock: Clock): LedgerKeeper {
  const keeper = new LedgerKeeper({
    db,
    clock,
    guard: { run: (_task, work) => work() },
    limits: { ageMs: 1e15, bytes: 1e15 },
    signer: () => SIGNERS[0],
    onCheckpoint() {},
  });
  keeper.start();
  return keeper;
}

function measureChecking(size: number, entries: number): void {
  using db = open(`check-${size}.db`);
  db.exec("PRAGMA synchronous = OFF");
  const clock = clockAt(DAY_MS);
  const ledger = new Ledger(db, clock);
  const keeper = keeperOf(db, clock);
  const body = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
  const full = new Uint8Array(size);
  for (let at = 0; at < size; at += body.length) full.set(body, at);
  for (let n = 0; n < entries; n++) {
    full[0] = n;
    ledger.intend({
      class: "tracking",
      records: `seq ${n}-${n + 9} (10)`,
      policy: "0".repeat(64),
      body: full,
    });
    if (n % 1_000 === 999) keeper.stop();
  }
  const reader = new LedgerReader(db);
  const megabytes = size * entries / 1e6;
  const [checks, digests]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    let from = performance.now();
    const { fault } = verification(reader);
    if (fault) throw new Error(fault.reason);
    checks.push((performance.now() - from) / 1_000);
    from = performance.now();
    for (let n = 0; n < entries; n++) sha256Hex(full);
    digests.push((performance.now() - from) / 1_000);
  }
  const rate = (seconds: number[]) => Math.round(megabytes / median(seconds));
  figures.push({
    what: `checking ${entries} entries of ${size} bytes`,
    value: rate(checks),
    unit: "MB/s",
    beside: `SHA-256 alone: ${rate(digests)} MB/s; ${Math.round(entries / median(checks))} entries/s`,
  });
}

/** One row a commit, each on the disk before the next, with and without what makes it a ledger. */
function measureWriting(): void {
  using db = open("write.db");
  const clock = clockAt(DAY_MS);
  const ledger = new Ledger(db, clock);
  db.exec("CREATE TABLE plain (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT");
  const insert = command(db, "INSERT INTO plain (body) VALUES (?)");
  const body = crypto.getRandomValues(new Uint8Array(1_024));
  let sequence = 1;
  const kinds: Record<string, () => void> = {
    plain: () => void insert(body),
    entries: () => void ledger.intend({ class: "tracking", records: "seq 1-10 (10)", policy: POLICY, body }),
    heartbeats: () => {
      ledger.intend({ class: "status", records: "heartbeat", policy: POLICY, body: heartbeat(sequence++) });
    },
  };
  const COUNT = 2_000;
  const seconds: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [kind, write] of Object.entries(kinds)) {
      const from = performance.now();
      for (let n = 0; n < COUNT; n++) write();
      (seconds[kind] ??= []).push((performance.now() - from) / 1_000);
    }
  }
  const rate = (kind: string) => Math.round(COUNT / median(seconds[kind]!));
  const beside = `plain inserts of 1 KiB: ${rate("plain")}/s`;
  figures.push({
    what: "writing entries of 1 KiB, each fsynced",
    value: rate("entries"),
    unit: "entries/s",
    beside,
  });
  figures.push({
    what: "writing heartbeats, each fsynced",
    value: rate("heartbeats"),
    unit: "heartbeats/s",
    beside,
  });
}

/** What an agent that only sends heartbeats, signs and tells of it once a day adds to its file. */
function measureIdleDays(): void {
  const folded = idleDay("idle.db", DAYS, () => POLICY);
  // Under policies that take turns, no heartbeat joins another: what it would be without folding.
  const single = idleDay("single.db", 1, (beat) => beat % 2 === 0 ? POLICY : "1".repeat(64));
  figures.push({
    what: `growth per idle day (${DAY_MS / HEARTBEAT_MS} heartbeats), over ${DAYS} days`,
    value: folded,
    unit: "bytes",
    beside: `with an entry for each heartbeat: ${single} bytes`,
  });
}

/** Bytes a day. */
function idleDay(name: string, days: number, policyOf: (beat: number) => string): number {
  using db = open(name);
  db.exec("PRAGMA synchronous = OFF");
  const clock = clockAt(DAY_MS * 1.25); // midnight falls between two checkpoints
  const ledger = new Ledger(db, clock);
  const keeper = keeperOf(db, clock);
  const description = new Uint8Array(750); // about as large as the description of an agent
  const size = () =>
    ["page_count", "page_size"].map((pragma) => Number(db.prepare(`PRAGMA ${pragma}`).get()![pragma]))
      .reduce((pages, bytes) => pages * bytes);
  const before = size();
  for (let day = 0, sequence = 1; day < days; day++) {
    for (let beat = 0; beat < DAY_MS / HEARTBEAT_MS; beat++) {
      const body = heartbeat(sequence++);
      ledger.intend({ class: "status", records: "heartbeat", policy: policyOf(beat), body });
      clock.time += HEARTBEAT_MS;
    }
    keeper.stop();
    ledger.intend({ class: "status", records: "agentDescription", policy: POLICY, body: description });
  }
  return Math.round((size() - before) / days);
}
