import type { Clock } from "../../base/clock.ts";
import type { Database } from "../../base/sqlite.ts";
import { command, hasTable, migrate, queryOne } from "../../base/sqlite.ts";
import type { LoadedPolicy } from "./policy_file.ts";

/** Which policy is in force, for `sallyport status`, which is another process. */
export interface PolicyFacts {
  hash: string;
  source: string;
  /** Milliseconds since 1970 UTC. */
  since: number;
  /** What is wrong with the file, with its lines; empty when nothing is. */
  fault: string;
}

const SCHEMA = [
  `CREATE TABLE policy (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     hash TEXT NOT NULL,
     source TEXT NOT NULL,
     since INTEGER NOT NULL,
     fault TEXT NOT NULL
   ) STRICT`,
];

/** Notes which policy is in force, unless that is what was noted before; returns what stands there. */
export function recordPolicy(
  db: Database,
  { policy, source, fault }: LoadedPolicy,
  clock: Clock,
): PolicyFacts {
  migrate(db, "policy", SCHEMA);
  const before = readPolicyFacts(db);
  const facts = { hash: policy.hash, source, fault: fault?.message ?? "" };
  if (before && before.hash === facts.hash && before.source === source && before.fault === facts.fault) {
    return before;
  }
  const since = clock.now();
  command(db, "INSERT OR REPLACE INTO policy VALUES (1, ?, ?, ?, ?)")(
    facts.hash,
    source,
    since,
    facts.fault,
  );
  return { ...facts, since };
}

/** What was noted last, or undefined when no agent ran in this home. */
export function readPolicyFacts(db: Database): PolicyFacts | undefined {
  if (!hasTable(db, "policy")) return undefined;
  return queryOne<PolicyFacts>(db, "SELECT hash, source, since, fault FROM policy")();
}
