import type { ErrorCode } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import { command, migrate, queryOne } from "../base/sqlite.ts";

/**
 * A person's wish on the agent's own machine for a new key and certificate: handed from `sallyport certificate
 * renew` to the gatehouse, which is another process, with its answer on the way back. There is one: who wishes
 * meanwhile gets the same answer.
 */
export interface RenewalRequest {
  /** `waiting` for the gatehouse, `taken` by it, and then what became of it. */
  state: "waiting" | "taken" | "renewed" | "failed";
  /** Why it failed, as an error's code and message. */
  code: ErrorCode | null;
  reason: string | null;
}

const SCHEMA = [
  `CREATE TABLE renewal_request (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     state TEXT NOT NULL,
     code TEXT,
     reason TEXT
   ) STRICT`,
];

/** Asks for a renewal. */
export function requestRenewal(db: Database): void {
  migrate(db, "renewal_request", SCHEMA);
  command(db, "INSERT OR REPLACE INTO renewal_request VALUES (1, 'waiting', NULL, NULL)")();
}

/** What became of the request so far. */
export function readRenewal(db: Database): RenewalRequest | undefined {
  return queryOne<RenewalRequest>(db, "SELECT state, code, reason FROM renewal_request")();
}

/** The gatehouse's side of the hand-over. */
export interface RenewalRequests {
  /** Takes the request that waits; false when there is none. */
  take(): boolean;
  /** Answers the request that was taken, if there is one; without a failure it was fulfilled. */
  answer(failure?: { code: ErrorCode; reason: string }): void;
}

/** Gives the gatehouse's side of the hand-over. */
export function renewalRequests(db: Database): RenewalRequests {
  migrate(db, "renewal_request", SCHEMA);
  const waits = queryOne(db, "SELECT 1 FROM renewal_request WHERE state = 'waiting'");
  const take = command(db, "UPDATE renewal_request SET state = 'taken' WHERE state = 'waiting'");
  const answer = command(
    db,
    "UPDATE renewal_request SET state = ?, code = ?, reason = ? WHERE state = 'taken'",
  );
  return {
    // Asked after every change of the database, so it writes only when it must.
    take: () => waits() !== undefined && take() > 0,
    answer(failure) {
      answer(failure ? "failed" : "renewed", failure?.code ?? null, failure?.reason ?? null);
    },
  };
}
