import type { Database } from "../../base/sqlite.ts";
import { command, queryOne } from "../../base/sqlite.ts";
import type { GapRecord, RecordBatch } from "../../protocol/payloads/stream.ts";
import { keepGaps } from "./gaps.ts";
import type { Eventually } from "./store.ts";

export interface StreamStore {
  /** How far a stream is settled; 0 when nothing of it is stored. */
  settled(agent: string, stream: string): Eventually<number>;
}

/** How far a batch has settled its stream, and what the agent has lost as it tells. */
export interface SettledBatch {
  stream: string;
  through: number;
  gaps: GapRecord[];
}

/** What of a batch was not settled before; its stream is settled with the transaction. */
export interface FreshBatch<R> extends SettledBatch {
  fresh: RecordBatch<R>["records"];
}

/** How far a stream is settled; 0 when nothing of it is. */
export function settledThrough(db: Database): (agent: string, stream: string) => number {
  const read = queryOne<{ through: number }>(
    db,
    "SELECT through FROM streams WHERE agent = ? AND stream = ?",
  );
  return (agent, stream) => read(agent, stream)?.through ?? 0;
}

/**
 * Settling a batch so that each record counts once: a stream's last settled number and what is made of the records move
 * in one transaction, which is the caller's. A batch that is sent again, or overlaps with an earlier one, changes
 * nothing.
 */
export function settleBatches(
  db: Database,
): <R extends { kind: string }>(agent: string, batch: RecordBatch<R>, now: number) => FreshBatch<R> {
  const settled = settledThrough(db);
  const settle = command(
    db,
    `INSERT INTO streams VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (agent, stream) DO UPDATE SET through = ?3, records = records + ?4`,
  );
  const keepGap = keepGaps(db);

  return (agent, { stream, through, records }, now) => {
    const last = settled(agent, stream);
    if (through <= last) return { stream, through: last, fresh: [], gaps: [] };
    const fresh = records.filter(({ seq }) => seq > last);
    settle(agent, stream, through, fresh.length);
    const gaps: GapRecord[] = [];
    for (const { seq, record } of fresh) {
      if (!isGap(record)) continue;
      keepGap(agent, stream, seq, record, now);
      gaps.push(record);
    }
    return { stream, through, fresh, gaps };
  };
}

function isGap(record: { kind: string }): record is GapRecord {
  return record.kind === "gap";
}
