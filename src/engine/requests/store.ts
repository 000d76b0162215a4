import { MAX_ENDED_REQUESTS } from "../../base/limits.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { command, migrate, query, queryOne, transaction } from "../../base/sqlite.ts";
import type { Database } from "../../base/sqlite.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import type { Ending } from "../../protocol/payloads/requests.ts";

/** What a request can be before it ends. */
const OPEN_STATES = ["received", "waiting", "approved", "answering", "complete"] as const;

/**
 * Where a request stands: `received`, nobody has judged it; `waiting`, for somebody here to approve it; `approved`, for
 * the engine; `answering`, the engine is at it; `complete`, all of the answer is made; `answered`, the platform has it;
 * or one of the other endings.
 */
export type RequestState = typeof OPEN_STATES[number] | "answered" | Ending;

/** What has let a request be answered: the policy, somebody here, or what they approved for a time. */
export type Approval = "policy" | "person" | "standing";

export interface StoredRequest {
  id: string;
  class: AnswerClass;
  /** JSON. */
  parameters: string;
  requester: string;
  reason: string;
  /** Milliseconds since 1970. */
  receivedAt: number;
  deadline: number;
  state: RequestState;
  approval: Approval | null;
  /** Why it ended without a whole answer. */
  code: ErrorCode | null;
  words: string | null;
  endedAt: number | null;
  /** Whether the platform has the outcome. */
  settled: 0 | 1;
  /** Chunks with a lower number may be made. */
  credit: number;
  /** Chunks with a lower number are made. */
  made: number;
  /** Chunks with a lower number are stored at the platform. */
  stored: number;
  /** Of what was sent, be it stored or not: records, bytes, and the hash of the last chunk. */
  records: number;
  bytes: number;
  sha256: string;
}

/** A piece of an answer, as long as the platform has not stored it. */
export interface StoredChunk {
  number: number;
  /** Lines of NDJSON: as the engine made them, and once they were sent, as they were sent. */
  lines: string;
  isLast: 0 | 1;
  /** Of a chunk that was sent. */
  sha256: string | null;
}

const STEPS = [
  `CREATE TABLE requests (
     id TEXT PRIMARY KEY,
     class TEXT NOT NULL,
     parameters TEXT NOT NULL,
     requester TEXT NOT NULL,
     reason TEXT NOT NULL,
     received_at INTEGER NOT NULL,
     deadline INTEGER NOT NULL,
     state TEXT NOT NULL,
     approval TEXT,
     code TEXT,
     words TEXT,
     ended_at INTEGER,
     settled INTEGER NOT NULL DEFAULT 0,
     credit INTEGER NOT NULL,
     made INTEGER NOT NULL DEFAULT 0,
     stored INTEGER NOT NULL DEFAULT 0,
     records INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER NOT NULL DEFAULT 0,
     sha256 TEXT NOT NULL DEFAULT ''
   ) STRICT;
   CREATE INDEX requests_open ON requests (received_at) WHERE ended_at IS NULL;
   CREATE TABLE request_chunks (
     request TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
     number INTEGER NOT NULL,
     lines TEXT NOT NULL,
     is_last INTEGER NOT NULL,
     sha256 TEXT,
     entry INTEGER,
     PRIMARY KEY (request, number)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE request_approvals (
     class TEXT NOT NULL,
     requester TEXT NOT NULL,
     until INTEGER NOT NULL,
     PRIMARY KEY (class, requester)
   ) STRICT, WITHOUT ROWID;`,
];

const COLUMNS =
  `id, class, parameters, requester, reason, received_at AS receivedAt, deadline, state, approval, code,
  words, ended_at AS endedAt, settled, credit, made, stored, records, bytes, sha256`;

/** A new request, as far as it is not told by its beginning. */
export type NewRequest = Pick<
  StoredRequest,
  "id" | "class" | "parameters" | "requester" | "reason" | "receivedAt" | "deadline" | "credit"
>;

/** Where the two halves and the commands of this machine meet about requests. Each method is one transaction. */
export interface RequestStore {
  get(id: string): StoredRequest | undefined;
  /** Those that have not ended, oldest first. */
  open(): StoredRequest[];
  /** Whether there is something that an engine has to answer. */
  needsEngine(): boolean;
  /** The newest first. */
  newest(limit: number): StoredRequest[];
  /** Takes one in, and forgets the oldest of too many that have ended. */
  add(request: NewRequest): void;
  /** Moves one on; false when it is not in the state `from` any more. */
  move(id: string, from: RequestState, to: typeof OPEN_STATES[number], approval?: Approval): boolean;
  /** Ends one that is open, and removes what is left of its answer; false when it had ended before. */
  end(
    id: string,
    how: { state: Ending | "answered"; code?: ErrorCode; words?: string; now: number },
  ): boolean;
  /** The platform has the outcome. */
  settle(id: string): void;
  /** The engine's next chunk; false when none is wanted, because the request has ended. */
  addChunk(id: string, chunk: { lines: string; isLast: boolean }): boolean;
  chunk(id: string, number: number): StoredChunk | undefined;
  /** A chunk leaves for the first time, in this form and under this number of the ledger. */
  sent(
    id: string,
    chunk: { number: number; lines: string; sha256: string; records: number; bytes: number },
    entry: number,
  ): void;
  /** A chunk leaves once more, as it was, under this number of the ledger. */
  sentAgain(id: string, number: number, entry: number): void;
  /** The platform has stored all chunks below a number, and lets so many be made. Gives the ledger's numbers of them. */
  stored(id: string, through: number, credit: number): number[];
  /** Approves what this person asks of a class until then. */
  approveUntil(payloadClass: AnswerClass, requester: string, until: number): void;
  isApproved(payloadClass: AnswerClass, requester: string, now: number): boolean;
}

/** The hand-over in the state database. */
export function createRequestStore(db: Database): RequestStore {
  migrate(db, "requests", STEPS);
  const get = queryOne<StoredRequest>(db, `SELECT ${COLUMNS} FROM requests WHERE id = ?`);
  const open = query<StoredRequest>(
    db,
    `SELECT ${COLUMNS} FROM requests WHERE ended_at IS NULL ORDER BY received_at, id`,
  );
  const newest = query<StoredRequest>(
    db,
    `SELECT ${COLUMNS} FROM requests ORDER BY received_at DESC, id DESC LIMIT ?`,
  );
  const insert = command(
    db,
    `INSERT INTO requests (id, class, parameters, requester, reason, received_at, deadline, credit, state)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'received')`,
  );
  const forget = command(
    db,
    `DELETE FROM requests WHERE id IN (
       SELECT id FROM requests WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT -1 OFFSET ?)`,
  );
  const move = command(
    db,
    "UPDATE requests SET state = ?3, approval = coalesce(?4, approval) WHERE id = ?1 AND state = ?2",
  );
  const end = command(
    db,
    `UPDATE requests SET state = ?2, code = ?3, words = ?4, ended_at = ?5, settled = ?2 = 'answered'
     WHERE id = ?1 AND ended_at IS NULL`,
  );
  const settle = command(db, "UPDATE requests SET settled = 1 WHERE id = ? AND settled = 0");
  const dropChunks = command(db, "DELETE FROM request_chunks WHERE request = ?");
  const addChunk = command(
    db,
    `INSERT INTO request_chunks (request, number, lines, is_last) SELECT id, made, ?2, ?3 FROM requests
     WHERE id = ?1 AND state IN ('approved', 'answering') AND made < credit`,
  );
  const made = command(
    db,
    "UPDATE requests SET made = made + 1, state = iif(?2, 'complete', 'answering') WHERE id = ?1",
  );
  const chunk = queryOne<StoredChunk>(
    db,
    `SELECT number, lines, is_last AS isLast, sha256 FROM request_chunks WHERE request = ? AND number = ?`,
  );
  const shape = command(
    db,
    "UPDATE request_chunks SET lines = ?3, sha256 = ?4, entry = ?5 WHERE request = ?1 AND number = ?2",
  );
  const count = command(
    db,
    "UPDATE requests SET records = records + ?2, bytes = bytes + ?3, sha256 = ?4 WHERE id = ?1",
  );
  const again = command(db, "UPDATE request_chunks SET entry = ?3 WHERE request = ?1 AND number = ?2");
  const entries = query<{ entry: number }>(
    db,
    "SELECT entry FROM request_chunks WHERE request = ? AND number < ? ORDER BY number",
  );
  const dropStored = command(db, "DELETE FROM request_chunks WHERE request = ? AND number < ?");
  const advance = command(db, "UPDATE requests SET stored = ?2, credit = ?3 WHERE id = ?1");
  const approve = command(
    db,
    `INSERT INTO request_approvals VALUES (?1, ?2, ?3)
     ON CONFLICT (class, requester) DO UPDATE SET until = max(until, ?3)`,
  );
  const isApproved = queryOne(
    db,
    "SELECT 1 FROM request_approvals WHERE class = ? AND requester = ? AND until > ?",
  );
  return {
    get: (id) => get(id),
    open: () => open(),
    needsEngine: () => open().some(({ state }) => state === "approved"),
    newest: (limit) => newest(limit),
    add({ id, class: payloadClass, parameters, requester, reason, receivedAt, deadline, credit }) {
      transaction(db, () => {
        insert(id, payloadClass, parameters, requester, reason, receivedAt, deadline, credit);
        forget(MAX_ENDED_REQUESTS);
      });
    },
    move: (id, from, to, approval) => move(id, from, to, approval ?? null) > 0,
    end: (id, { state, code, words, now }) =>
      transaction(db, () => {
        if (end(id, state, code ?? null, words ?? null, now) === 0) return false;
        dropChunks(id);
        return true;
      }),
    settle: (id) => void settle(id),
    addChunk: (id, { lines, isLast }) =>
      transaction(db, () => addChunk(id, lines, Number(isLast)) > 0 && made(id, Number(isLast)) > 0),
    chunk: (id, number) => chunk(id, number),
    sent(id, { number, lines, sha256, records, bytes }, entry) {
      transaction(db, () => {
        shape(id, number, lines, sha256, entry);
        count(id, records, bytes, sha256);
      });
    },
    sentAgain: (id, number, entry) => void again(id, number, entry),
    stored: (id, through, credit) =>
      transaction(db, () => {
        const numbers = entries(id, through).map(({ entry }) => entry);
        dropStored(id, through);
        advance(id, through, credit);
        return numbers;
      }),
    approveUntil: (payloadClass, requester, until) => void approve(payloadClass, requester, until),
    isApproved: (payloadClass, requester, now) => isApproved(payloadClass, requester, now) !== undefined,
  };
}
