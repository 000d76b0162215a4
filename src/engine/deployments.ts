import { utf8 } from "../base/encoding.ts";
import { SallyportError } from "../base/errors.ts";
import { MAX_PROCESS_BYTES, MAX_PROCESSES } from "../base/limits.ts";
import { command, query, queryOne, transaction } from "../base/sqlite.ts";
import type { Database } from "../base/sqlite.ts";
import { migrateEngine } from "./tables.ts";

/** The set of processes that the platform wants on this agent. */
export interface Offer {
  /** Identifies the set; given back by {@linkcode Deployments.status}. */
  hash: string;
  files: readonly { name: string; body: string }[];
}

/** How far the engine is with the offer it got last. */
export interface DeploymentStatus {
  hash: string;
  /** `failed`: at least one process was rejected; the others are in place. */
  state: "none" | "applying" | "applied" | "failed";
  message: string;
}

/** A process as the platform is told of it. */
export interface DeployedProcess {
  name: string;
  /** Of the definition that runs; all three are empty when none does, because the first one offered was rejected. */
  version: string;
  definition: string;
  body: string;
  /** `rejected`: the last definition offered is not the one that runs, for the `reason`. */
  state: "active" | "rejected";
  reason: string;
  /** Milliseconds since 1970. */
  since: number;
}

/** The gatehouse's side of the hand-over: it writes what is wanted and reads what became of it. */
export interface Deployments {
  /**
   * Keeps the wanted set, in place of the one before, in one transaction.
   *
   * @throws {SallyportError} `process.invalid` when the set as a whole is over a limit or names a process twice.
   */
  offer(offer: Offer): void;
  status(): DeploymentStatus;
  processes(): DeployedProcess[];
  /** The folders below `data/` that the active and the staged processes name: at most a few a process. */
  folders(): string[];
}

/** The hand-over in the state database; the engine may be another process. */
export function createDeployments(db: Database): Deployments {
  migrateEngine(db);
  const clearWanted = command(db, "DELETE FROM engine_wanted");
  const want = command(db, "INSERT INTO engine_wanted (name, body, folders) VALUES (?, ?, '[]')");
  const setOffer = command(
    db,
    "INSERT INTO engine_offer VALUES (1, ?, 'applying', '') " +
      "ON CONFLICT (id) DO UPDATE SET hash = ?1, state = 'applying', message = ''",
  );
  const readOffer = queryOne<DeploymentStatus>(db, "SELECT hash, state, message FROM engine_offer");
  const readProcesses = query<DeployedProcess>(
    db,
    "SELECT name, version, definition, body, state, reason, since FROM engine_processes ORDER BY name",
  );
  const readFolders = query<{ folders: string }>(
    db,
    "SELECT folders FROM engine_processes UNION SELECT folders FROM engine_wanted",
  );
  return {
    offer({ hash, files }) {
      checkOffer(files);
      transaction(db, () => {
        clearWanted();
        for (const { name, body } of files) want(name, body);
        setOffer(hash);
      });
    },
    status: () => ({ ...(readOffer() ?? { hash: "", state: "none", message: "" }) }),
    processes: () => readProcesses().map((row) => ({ ...row })),
    folders() {
      const folders = readFolders().flatMap(({ folders }) => JSON.parse(folders) as string[]);
      return [...new Set(folders)].sort();
    },
  };
}

function checkOffer(files: Offer["files"]): void {
  const twice = files.find(({ name }, i) => files.findIndex((other) => other.name === name) !== i);
  const large = files.find(({ body }) => utf8(body).length > MAX_PROCESS_BYTES);
  const problem = files.length > MAX_PROCESSES
    ? `${files.length} processes were offered; one agent takes at most ${MAX_PROCESSES}`
    : twice
    ? `the process ${twice.name} was offered twice`
    : large
    ? `the definition of ${large.name} is larger than ${MAX_PROCESS_BYTES / 1024} KiB`
    : undefined;
  if (problem) {
    throw new SallyportError("process.invalid", problem, { remedy: "Offer a set within the limits." });
  }
}
