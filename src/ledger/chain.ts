import type { Clock } from "../base/clock.ts";
import { DAY_MS } from "../base/clock.ts";
import { sha256Hex } from "../base/digest.ts";
import type { Database } from "../base/sqlite.ts";
import { command, queryOne } from "../base/sqlite.ts";
import type { LedgerEntry } from "./entry.ts";
import { entryHash, GENESIS } from "./entry.ts";
import { expandHeartbeats, heartbeatSequence, isHeartbeatAfter, MAX_HEARTBEATS } from "./heartbeats.ts";
import { LossRecord } from "./losses.ts";
import { migrateLedger } from "./tables.ts";

/** What an entry is made from; the chain adds its number, its time and what ties it to the entry before. */
export type Content = Pick<LedgerEntry, "kind" | "class" | "records" | "policy">;

/** The columns of an entry, in the order of the table. */
const COLUMNS = [
  "number",
  "kind",
  "time",
  "until",
  "class",
  "records",
  "count",
  "bytes",
  "sha256",
  "policy",
  "previous",
  "hash",
] as const satisfies (keyof LedgerEntry)[];
export const ENTRY_COLUMNS = COLUMNS.join(", ");

/** The end of the chain, where entries are added. Call it within a transaction that takes the write lock. */
export class Chain {
  readonly #clock: Clock;
  /** Up to this number, all may have been given by a database that was damaged. */
  readonly #given: number;
  readonly #last: () => LedgerEntry | undefined;
  readonly #body: (number: number) => { body: Uint8Array } | undefined;
  readonly #insert: (...values: (string | number | null)[]) => number;
  readonly #insertBody: (number: number, body: Uint8Array) => number;
  readonly #update: (...values: (string | number | null)[]) => number;

  constructor(db: Database, clock: Clock) {
    migrateLedger(db);
    this.#clock = clock;
    this.#given = new LossRecord(db).given().entries;
    this.#last = queryOne(db, `SELECT ${ENTRY_COLUMNS} FROM ledger ORDER BY number DESC LIMIT 1`);
    this.#body = queryOne(db, "SELECT body FROM ledger_bodies WHERE number = ?");
    this.#insert = command(db, `INSERT INTO ledger VALUES (${COLUMNS.map(() => "?").join(", ")})`);
    this.#insertBody = command(db, "INSERT INTO ledger_bodies VALUES (?, ?)");
    this.#update = command(
      db,
      "UPDATE ledger SET until = ?2, records = ?3, count = ?4, bytes = ?5, sha256 = ?6, hash = ?7 WHERE number = ?1",
    );
  }

  /** Adds an entry. */
  append(content: Content, body: Uint8Array): LedgerEntry {
    const last = this.#last();
    const time = this.#clock.now();
    const heartbeats = content.kind === "heartbeats";
    const fields = {
      ...content,
      number: Math.max(last?.number ?? 0, this.#given) + 1,
      time,
      until: heartbeats ? time : null,
      count: heartbeats ? 1 : null,
      bytes: body.length,
      sha256: sha256Hex(body),
      previous: last?.hash ?? GENESIS,
    };
    const entry = { ...fields, hash: entryHash(fields) };
    this.#insert(...COLUMNS.map((column) => entry[column]));
    this.#insertBody(entry.number, body);
    return entry;
  }

  /**
   * Adds a heartbeat: to the last entry, when that is of heartbeats that this one follows without a gap, on the
   * same day (UTC) and under the same policy. Nothing but the last entry ever changes: the next one freezes it.
   */
  heartbeat(content: Omit<Content, "kind" | "records">, frame: Uint8Array): LedgerEntry {
    const last = this.#last();
    const first = last && this.#mayGrow(last, content) ? this.#body(last.number)?.body : undefined;
    if (!last?.count || !first || !isHeartbeatAfter(first, last.count, frame)) {
      return this.append({ ...content, kind: "heartbeats", records: wordsFor(frame, 1) }, frame);
    }
    const count = last.count + 1;
    const sent = expandHeartbeats(first, count)!;
    const fields = {
      ...last,
      until: this.#clock.now(),
      records: wordsFor(first, count),
      count,
      bytes: sent.length,
      sha256: sha256Hex(sent),
    };
    const entry = { ...fields, hash: entryHash(fields) };
    const { number, until, records, bytes, sha256, hash } = entry;
    this.#update(number, until, records, count, bytes, sha256, hash);
    return entry;
  }

  #mayGrow(last: LedgerEntry, content: Omit<Content, "kind" | "records">): boolean {
    const now = this.#clock.now();
    return last.kind === "heartbeats" && last.number >= this.#given && last.class === content.class &&
      last.policy === content.policy &&
      (last.count ?? 0) < MAX_HEARTBEATS && now >= (last.until ?? 0) &&
      Math.floor(now / DAY_MS) === Math.floor(last.time / DAY_MS);
  }
}

function wordsFor(first: Uint8Array, count: number): string {
  const sequence = heartbeatSequence(first)!;
  return `heartbeats ${sequence}-${sequence + count - 1}`;
}
