/** Begins one run after the other in the home given, and writes into its log as fast as it can, until it is killed. */
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { openDatabase } from "../../../src/base/sqlite.ts";
import { CONNECTORS } from "../../../src/connectors/mod.ts";
import { parseDefinition } from "../../../src/engine/definition/definition.ts";
import { RunLogs } from "../../../src/engine/logs/store.ts";
import { EngineRedaction } from "../../../src/engine/redaction.ts";
import { createRuns } from "../../../src/engine/runs.ts";
import { migrateEngine } from "../../../src/engine/tables.ts";

const [home, definition] = Deno.args as [string, string];
const databasePath = `${home}/state/sallyport.db`;
const db = openDatabase(databasePath);
migrateEngine(db);
const redaction = new EngineRedaction(db);
const runs = createRuns(db, "engine", { clock: systemClock, outbox: undefined, redaction });
const logs = new RunLogs({ db, databasePath, clock: systemClock, log: silentLog, redaction });
const head = runs.begin(parseDefinition(definition, "crash.yaml", CONNECTORS), "manual");
const { log } = logs.begin(head);
log.info("message 0");
console.log(head.runId);
for (let n = 1;; n++) log.info(`message ${n}`, { filler: "x".repeat(n % 450) });
