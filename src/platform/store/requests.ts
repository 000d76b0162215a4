import { DAY_MS } from "../../base/clock.ts";
import { MAX_ANSWER_DAYS, MAX_ANSWERS_BYTES, MAX_REQUEST_DAYS } from "../../base/limits.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import type { Eventually } from "./store.ts";

export const OPEN_REQUEST_STATES = ["queued", "sent", "waiting", "answering"] as const;
export const ENDED_REQUEST_STATES = ["answered", "refused", "failed", "cancelled", "expired"] as const;
export const REQUEST_STATES = [...OPEN_REQUEST_STATES, ...ENDED_REQUEST_STATES] as const;
/**
 * Where a request stands: `queued`, the agent has not got it yet; `sent`; `waiting`, somebody at the agent must approve
 * it; `answering`; or how it ended.
 */
export type RequestState = (typeof REQUEST_STATES)[number];
export type EndedRequestState = (typeof ENDED_REQUEST_STATES)[number];

export interface NewRequest {
  id: string;
  agent: string;
  channel: AnswerClass;
  /** JSON. */
  parameters: string;
  /** The name of the token, and why its owner asks. */
  requester: string;
  reason: string;
  /** Milliseconds since 1970 UTC. */
  askedAt: number;
  deadline: number;
}

export interface RequestRecord extends NewRequest {
  agentName: string;
  state: RequestState;
  /** How it ended, if not with an answer. */
  code: string | null;
  words: string | null;
  retryAfterMs: number | null;
  endedAt: number | null;
  /** What there is of the answer: chunks, lines, bytes, and bytes as they are kept, which is nothing once they are removed. */
  chunks: number;
  records: number;
  bytes: number;
  keptBytes: number;
  /** The hash of the last chunk; see `protocol/payloads/requests.ts`. */
  sha256: string;
}

export interface RequestEnd {
  state: EndedRequestState;
  code?: string | undefined;
  words?: string | undefined;
  retryAfterMs?: number | undefined;
  now: number;
  /** Whether the agent knows of it, or need not. */
  settled: boolean;
}

/** A chunk of an answer as it is kept: its lines as one member of a gzip file (RFC 1952). */
export interface KeptChunk {
  body: Uint8Array;
  records: number;
  bytes: number;
  sha256: string;
}

/** What people asked for, and the answers. */
export interface RequestStore {
  add(request: NewRequest): Eventually<void>;
  get(id: string): Eventually<RequestRecord | undefined>;
  /** Newest first. */
  list(
    filter: { agent?: string | undefined; state?: RequestState | undefined; limit: number },
  ): Eventually<RequestRecord[]>;
  /** Those of an agent of which it must be told something when it connects, oldest first. */
  unsettled(agent: string): Eventually<RequestRecord[]>;
  /** How many of an agent have not ended. */
  openOf(agent: string): Eventually<number>;
  /** Those that have not ended at their deadline. */
  overdue(now: number): Eventually<RequestRecord[]>;
  nextDeadline(): Eventually<number | undefined>;
  /** Moves one on; false when it has ended. */
  move(id: string, state: (typeof OPEN_REQUEST_STATES)[number]): Eventually<boolean>;
  /** Ends one; false when it had ended before. */
  end(id: string, end: RequestEnd): Eventually<boolean>;
  /** The agent knows the outcome. */
  settle(id: string): Eventually<void>;
  /** Keeps the next chunk of an answer that goes on; the last one ends it. False when it has ended. */
  append(id: string, chunk: KeptChunk, ended: number | undefined): Eventually<boolean>;
  chunk(id: string, number: number): Eventually<Uint8Array | undefined>;
  /** Removes answers and requests that are too old, and the oldest answers where they are too many bytes. */
  prune(now: number): Eventually<void>;
}

/** A released step is never edited. */
const MIGRATIONS = [
  `CREATE TABLE requests (
     id TEXT PRIMARY KEY,
     agent TEXT NOT NULL REFERENCES agents (uid),
     channel TEXT NOT NULL,
     parameters TEXT NOT NULL,
     requester TEXT NOT NULL,
     reason TEXT NOT NULL,
     asked_at INTEGER NOT NULL,
     deadline INTEGER NOT NULL,
     state TEXT NOT NULL DEFAULT 'queued',
     code TEXT,
     words TEXT,
     retry_after_ms INTEGER,
     ended_at INTEGER,
     settled INTEGER NOT NULL DEFAULT 0,
     chunks INTEGER NOT NULL DEFAULT 0,
     records INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER NOT NULL DEFAULT 0,
     kept_bytes INTEGER NOT NULL DEFAULT 0,
     sha256 TEXT NOT NULL DEFAULT ''
   ) STRICT;
   CREATE INDEX requests_by_time ON requests (asked_at, id);
   CREATE INDEX requests_unsettled ON requests (agent, asked_at) WHERE settled = 0;
   CREATE INDEX requests_open ON requests (deadline) WHERE ended_at IS NULL;
   CREATE INDEX requests_kept ON requests (ended_at) WHERE kept_bytes > 0;
   CREATE TABLE request_chunks (
     request TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
     number INTEGER NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (request, number)
   ) STRICT`,
];

const SELECT =
  `SELECT id, agent, name AS agentName, channel, parameters, requester, reason, asked_at AS askedAt,
  deadline, state, code, words, retry_after_ms AS retryAfterMs, ended_at AS endedAt, chunks, records, bytes,
  kept_bytes AS keptBytes, sha256 FROM requests JOIN agents ON uid = agent`;

/** The requests' part of the store in SQLite. */
export function sqliteRequests(db: Database): RequestStore {
  migrate(db, "requests", MIGRATIONS);
  const insert = command(
    db,
    `INSERT INTO requests (id, agent, channel, parameters, requester, reason, asked_at, deadline)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const get = queryOne<RequestRecord>(db, `${SELECT} WHERE id = ?`);
  const list = query<RequestRecord>(
    db,
    `${SELECT} WHERE (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR state = ?2)
     ORDER BY asked_at DESC, id DESC LIMIT ?3`,
  );
  const unsettled = query<RequestRecord>(
    db,
    `${SELECT} WHERE agent = ? AND settled = 0 ORDER BY asked_at, id`,
  );
  const openOf = queryOne<{ n: number }>(
    db,
    "SELECT count(*) AS n FROM requests WHERE agent = ? AND settled = 0 AND ended_at IS NULL",
  );
  const overdue = query<RequestRecord>(db, `${SELECT} WHERE ended_at IS NULL AND deadline <= ?`);
  const nextDeadline = queryOne<{ deadline: number | null }>(
    db,
    "SELECT min(deadline) AS deadline FROM requests WHERE ended_at IS NULL",
  );
  const move = command(db, "UPDATE requests SET state = ?2 WHERE id = ?1 AND ended_at IS NULL");
  const end = command(
    db,
    `UPDATE requests SET state = ?2, code = ?3, words = ?4, retry_after_ms = ?5, ended_at = ?6, settled = ?7
     WHERE id = ?1 AND ended_at IS NULL`,
  );
  const settle = command(db, "UPDATE requests SET settled = 1 WHERE id = ?");
  const addChunk = command(
    db,
    "INSERT INTO request_chunks SELECT id, chunks, ?2 FROM requests WHERE id = ?1 AND ended_at IS NULL",
  );
  const count = command(
    db,
    `UPDATE requests SET chunks = chunks + 1, records = records + ?2, bytes = bytes + ?3,
     kept_bytes = kept_bytes + ?4, sha256 = ?5, state = iif(?6 IS NULL, 'answering', 'answered'), ended_at = ?6,
     settled = ?6 IS NOT NULL WHERE id = ?1`,
  );
  const chunk = queryOne<{ body: Uint8Array }>(
    db,
    "SELECT body FROM request_chunks WHERE request = ? AND number = ?",
  );
  const tooMany = query<{ id: string }>(
    db,
    `SELECT id FROM (
       SELECT id, ended_at, sum(kept_bytes) OVER (ORDER BY ended_at DESC, id) AS together
       FROM requests WHERE kept_bytes > 0 AND ended_at IS NOT NULL)
     WHERE ended_at < ? OR together > ?`,
  );
  const dropChunks = command(db, "DELETE FROM request_chunks WHERE request = ?");
  const dropped = command(db, "UPDATE requests SET kept_bytes = 0 WHERE id = ?");
  const dropRequests = command(db, "DELETE FROM requests WHERE ended_at < ?");
  return {
    add({ id, agent, channel, parameters, requester, reason, askedAt, deadline }) {
      insert(id, agent, channel, parameters, requester, reason, askedAt, deadline);
    },
    get: (id) => get(id),
    list: ({ agent, state, limit }) => list(agent ?? null, state ?? null, limit),
    unsettled: (agent) => unsettled(agent),
    openOf: (agent) => openOf(agent)!.n,
    overdue: (now) => overdue(now),
    nextDeadline: () => nextDeadline()?.deadline ?? undefined,
    move: (id, state) => move(id, state) > 0,
    end: (id, { state, code, words, retryAfterMs, now, settled }) =>
      end(id, state, code ?? null, words ?? null, retryAfterMs ?? null, now, Number(settled)) > 0,
    settle(id) {
      settle(id);
    },
    append: (id, { body, records, bytes, sha256 }, ended) =>
      transaction(db, () => {
        if (addChunk(id, body) === 0) return false;
        return count(id, records, bytes, body.length, sha256, ended ?? null) > 0;
      }),
    chunk: (id, number) => chunk(id, number)?.body,
    prune(now) {
      transaction(db, () => {
        for (const { id } of tooMany(now - MAX_ANSWER_DAYS * DAY_MS, MAX_ANSWERS_BYTES)) {
          dropChunks(id);
          dropped(id);
        }
        dropRequests(now - MAX_REQUEST_DAYS * DAY_MS);
      });
    },
  };
}
