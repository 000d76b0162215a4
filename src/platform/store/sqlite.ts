import { join } from "@std/path";
import { migrate, openDatabase } from "../../base/sqlite.ts";
import { sqliteAgents } from "./agents.ts";
import { sqliteCertificates } from "./certificates.ts";
import { sqliteCheckpoints } from "./checkpoints.ts";
import { sqliteDepartures } from "./departures.ts";
import { sqliteDocuments } from "./documents.ts";
import { sqliteEnrolments } from "./enrolments.ts";
import { sqliteGaps } from "./gaps.ts";
import { sqliteProcesses } from "./processes.ts";
import { sqliteRecoveries } from "./recoveries.ts";
import { sqliteRequests } from "./requests.ts";
import { sqliteRuns } from "./runs.ts";
import { MIGRATIONS } from "./schema.ts";
import type { Store } from "./store.ts";
import { settledThrough } from "./streams.ts";
import { sqliteTokens } from "./tokens.ts";

/** The database's name in the platform's data folder. */
export const DATABASE_FILE = "platform.db";

/**
 * Opens the store in a data folder, making it at the first start.
 *
 * @throws {SallyportError} `state.unreadable` when the file is damaged or newer than this program.
 */
export function openSqliteStore(dataDir: string): Store {
  const path = join(dataDir, DATABASE_FILE);
  const db = openDatabase(path);
  try {
    if (Deno.build.os !== "windows") Deno.chmodSync(path, 0o600);
    migrate(db, "platform", MIGRATIONS);
    return {
      agents: sqliteAgents(db),
      certificates: sqliteCertificates(db),
      checkpoints: sqliteCheckpoints(db),
      departures: sqliteDepartures(db),
      documents: sqliteDocuments(db),
      enrolments: sqliteEnrolments(db),
      gaps: sqliteGaps(db),
      processes: sqliteProcesses(db),
      recoveries: sqliteRecoveries(db),
      requests: sqliteRequests(db),
      runs: sqliteRuns(db),
      streams: { settled: settledThrough(db) },
      tokens: sqliteTokens(db),
      close: () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
