import type { Database } from "../base/sqlite.ts";
import { hasTable, query } from "../base/sqlite.ts";

/** A payload that waits, as it stands in the spool. */
export interface WaitingPayload {
  channel: string;
  seq: number;
  /** Undefined when the row is not JSON. */
  payload: unknown;
}

/** Everything that waits, oldest first, without touching it: the spool may be one that another process drains. */
export function* waitingPayloads(db: Database): Generator<WaitingPayload> {
  if (!hasTable(db, "spool")) return;
  const next = query<{ channel: string; seq: number; payload: string }>(
    db,
    "SELECT channel, seq, payload FROM spool WHERE (channel, seq) > (?, ?) ORDER BY channel, seq LIMIT 200",
  );
  for (let rows = next("", 0); rows.length > 0; rows = next(rows.at(-1)!.channel, rows.at(-1)!.seq)) {
    for (const { channel, seq, payload } of rows) yield { channel, seq, payload: parsed(payload) };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
