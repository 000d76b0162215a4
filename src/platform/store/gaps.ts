import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, queryOne } from "../../base/sqlite.ts";
import type { GapRecord } from "../../protocol/payloads/stream.ts";
import type { Eventually } from "./store.ts";

/** Records that an agent lost, as it told. */
export interface StoredGap extends Omit<GapRecord, "kind"> {
  agent: string;
  agentName: string;
  /** Milliseconds since 1970 UTC. */
  receivedAt: number;
}

export interface GapStore {
  /** Newest first. */
  list(filter: { agent?: string | undefined; limit: number }): Eventually<StoredGap[]>;
  /** How many there are, and how many records they count together. */
  totals(): Eventually<{ gaps: number; records: number }>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `CREATE TABLE gaps (
     agent TEXT NOT NULL,
     stream TEXT NOT NULL,
     seq INTEGER NOT NULL,
     class TEXT NOT NULL,
     reason TEXT NOT NULL,
     records INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     first TEXT,
     last TEXT NOT NULL,
     received_at INTEGER NOT NULL,
     PRIMARY KEY (agent, stream, seq)
   ) STRICT, WITHOUT ROWID`,
];

/** Keeps one; call it in the transaction that settles its number. */
export function keepGaps(
  db: Database,
): (agent: string, stream: string, seq: number, gap: GapRecord, now: number) => void {
  migrate(db, "gaps", MIGRATIONS);
  const insert = command(
    db,
    `INSERT INTO gaps (agent, stream, seq, class, reason, records, bytes, first, last, received_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return (agent, stream, seq, { class: lost, reason, records, bytes, first = null, last }, now) =>
    void insert(agent, stream, seq, lost, reason, records, bytes, first, last, now);
}

/** The gaps' part of the store in SQLite. */
export function sqliteGaps(db: Database): GapStore {
  migrate(db, "gaps", MIGRATIONS);
  const list = query<Omit<StoredGap, "first"> & { first: string | null }>(
    db,
    `SELECT agent, name AS agentName, class, reason, records, bytes, first, last, received_at AS receivedAt
     FROM gaps JOIN agents ON uid = agent WHERE ?1 IS NULL OR agent = ?1
     ORDER BY received_at DESC, stream, seq DESC LIMIT ?2`,
  );
  const totals = queryOne<{ gaps: number; records: number }>(
    db,
    "SELECT count(*) AS gaps, coalesce(sum(records), 0) AS records FROM gaps",
  );
  return {
    list: ({ agent, limit }) =>
      list(agent ?? null, limit).map(({ first, ...gap }) => ({ ...gap, ...first === null ? {} : { first } })),
    totals: () => ({ ...totals()! }),
  };
}
