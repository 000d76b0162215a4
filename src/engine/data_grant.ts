import { nameMatcher } from "../base/name_patterns.ts";
import { command, queryOne } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import type { Process } from "./definition/definition.ts";
import { migrateEngine } from "./tables.ts";

/** What the owner's policy lets processes tell of their documents. */
export interface DataGrant {
  /** ISO 8601: until when. */
  until: string;
  /** Patterns of the names of processes. */
  processes: readonly string[];
}

const NOTHING = "null";

/**
 * The gatehouse's side of the hand-over: keeps what the owner allows where the engine, which cannot read the policy,
 * looks. Undefined: nothing.
 */
export function offerDataGrant(db: Database, grant: DataGrant | undefined): void {
  migrateEngine(db);
  const text = JSON.stringify(grant ?? null);
  if ((queryGrant(db)() ?? NOTHING) === text) return;
  command(db, "INSERT OR REPLACE INTO engine_data_grant VALUES (1, ?)")(text);
}

/** The engine's side: why the fields that a process tracks may not be taken now; undefined when they may. */
export function dataGrants(db: Database): (process: Process, now: number) => string | undefined {
  const read = queryGrant(db);
  return ({ name, track }, now) => {
    if (track && now > Date.parse(track.until)) {
      return `the process tracks them until ${track.until}, which has passed`;
    }
    const grant: DataGrant | null = JSON.parse(read() ?? NOTHING);
    if (!grant) return "the owner's policy does not allow the class data";
    if (now > Date.parse(grant.until)) {
      return `the owner's policy allowed it until ${grant.until}, which has passed`;
    }
    return nameMatcher(grant.processes)(name) ? undefined : "the owner's policy names other processes";
  };
}

function queryGrant(db: Database): () => string | undefined {
  const read = queryOne<{ allowed: string }>(db, "SELECT allowed FROM engine_data_grant");
  return () => read()?.allowed;
}
