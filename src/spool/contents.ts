import type { Database } from "../base/sqlite.ts";
import { hasTable, query, queryOne } from "../base/sqlite.ts";

/** A payload that waits, as it stands in the spool. */
export interface WaitingPayload {
  seq: number;
  /** Undefined when the row is not JSON. */
  payload: unknown;
}

interface WaitingRow {
  seq: number;
  payload: string;
}

/** What waits in a channel, oldest first, without touching it: the spool may be one that another process drains. */
export function* waitingPayloads(db: Database, channel: string): Generator<WaitingPayload> {
  if (!hasTable(db, "spool")) return;
  const behind = query<WaitingRow>(
    db,
    "SELECT seq, payload FROM spool WHERE channel = ? AND seq > ? ORDER BY seq LIMIT 200",
  );
  for (let rows = behind(channel, 0); rows.length > 0; rows = behind(channel, rows.at(-1)!.seq)) {
    for (const { seq, payload } of rows) yield { seq, payload: parsed(payload) };
  }
}

/** The newest that waits in a channel and is JSON. */
export function newestPayload(db: Database, channel: string): WaitingPayload | undefined {
  if (!hasTable(db, "spool")) return undefined;
  const before = queryOne<WaitingRow>(
    db,
    "SELECT seq, payload FROM spool WHERE channel = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
  );
  for (let row = before(channel, Number.MAX_SAFE_INTEGER); row; row = before(channel, row.seq)) {
    const payload = parsed(row.payload);
    if (payload !== undefined) return { seq: row.seq, payload };
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
