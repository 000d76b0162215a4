import type { Database } from "../../base/sqlite.ts";
import { command, query, queryOne } from "../../base/sqlite.ts";
import type { Eventually } from "./store.ts";

/**
 * What a token's owner may do beside looking at what the platform has: `administer` changes what there is; `data` reads
 * fields of documents; the others ask agents for what is of that class.
 */
export const RIGHTS = ["administer", "logs", "errors", "schema", "data"] as const;
export type Right = (typeof RIGHTS)[number];

/** A person or a program that uses the API. */
export interface TokenOwner {
  name: string;
  rights: readonly Right[];
}

export interface TokenRecord extends TokenOwner {
  createdAt: number;
}

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
  /** False when somebody has the name already. */
  create(token: TokenOwner & { hash: string }, now: number): Eventually<boolean>;
  /** Whose token has this SHA-256 (hex), or undefined. */
  owner(hash: string): Eventually<TokenOwner | undefined>;
  /** By name. */
  list(): Eventually<TokenRecord[]>;
  /** False when nobody has the name. */
  remove(name: string): Eventually<boolean>;
  audit(entry: AuditEntry): Eventually<void>;
  /** The newest entries of the audit, newest first. */
  audited(limit: number): Eventually<AuditEntry[]>;
}

/** The tokens' part of the store in SQLite. */
export function sqliteTokens(db: Database): TokenStore {
  const count = queryOne<{ n: number }>(db, "SELECT count(*) AS n FROM tokens");
  const insert = command(
    db,
    `INSERT INTO tokens (hash, name, created_at, rights) SELECT ?1, ?2, ?3, ?4
     WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE name = ?2)`,
  );
  const owner = queryOne<{ name: string; rights: string }>(
    db,
    "SELECT name, rights FROM tokens WHERE hash = ?",
  );
  const list = query<{ name: string; rights: string; createdAt: number }>(
    db,
    "SELECT name, rights, created_at AS createdAt FROM tokens ORDER BY name",
  );
  const remove = command(db, "DELETE FROM tokens WHERE name = ?");
  const audit = command(db, "INSERT INTO audit (at, who, action, subject) VALUES (?, ?, ?, ?)");
  const audited = query<AuditEntry>(
    db,
    "SELECT at, who, action, subject FROM audit ORDER BY number DESC LIMIT ?",
  );
  return {
    count: () => count()!.n,
    create: ({ hash, name, rights }, now) => insert(hash, name, now, JSON.stringify(rights)) > 0,
    owner(hash) {
      const found = owner(hash);
      return found && { name: found.name, rights: rightsOf(found.rights) };
    },
    list: () => list().map(({ rights, ...token }) => ({ ...token, rights: rightsOf(rights) })),
    remove: (name) => remove(name) > 0,
    audit({ at, who, action, subject }) {
      audit(at, who, action, subject);
    },
    audited: (limit) => audited(limit),
  };
}

function rightsOf(text: string): Right[] {
  const kept: string[] = JSON.parse(text);
  return RIGHTS.filter((right) => kept.includes(right));
}
