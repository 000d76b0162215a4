import type { Database } from "../../base/sqlite.ts";
import { command, query, queryOne } from "../../base/sqlite.ts";
import type { Eventually } from "./store.ts";

/** Who did what by the API. */
export interface AuditEntry {
  at: number;
  who: string;
  action: string;
  subject: string;
}

/** API tokens, of which only the hash is kept, and what was done with them. */
export interface TokenStore {
  count(): Eventually<number>;
  create(token: { hash: string; name: string }, now: number): Eventually<void>;
  /** The name of the token with this SHA-256 (hex), or undefined. */
  nameOf(hash: string): Eventually<string | undefined>;
  audit(entry: AuditEntry): Eventually<void>;
  /** The newest entries of the audit, newest first. */
  audited(limit: number): Eventually<AuditEntry[]>;
}

/** The tokens' part of the store in SQLite. */
export function sqliteTokens(db: Database): TokenStore {
  const count = queryOne<{ n: number }>(db, "SELECT count(*) AS n FROM tokens");
  const insert = command(db, "INSERT INTO tokens VALUES (?, ?, ?)");
  const name = queryOne<{ name: string }>(db, "SELECT name FROM tokens WHERE hash = ?");
  const audit = command(db, "INSERT INTO audit (at, who, action, subject) VALUES (?, ?, ?, ?)");
  const audited = query<AuditEntry>(
    db,
    "SELECT at, who, action, subject FROM audit ORDER BY number DESC LIMIT ?",
  );
  return {
    count: () => count()!.n,
    create(token, now) {
      insert(token.hash, token.name, now);
    },
    nameOf: (hash) => name(hash)?.name,
    audit({ at, who, action, subject }) {
      audit(at, who, action, subject);
    },
    audited: (limit) => audited(limit),
  };
}
