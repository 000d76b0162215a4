/** Runs a process over and over in the home given, until it is killed. */
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { command, openDatabase } from "../../src/base/sqlite.ts";
import { CONNECTORS } from "../../src/connectors/mod.ts";
import { parseDefinition } from "../../src/engine/definition/definition.ts";
import { runOnce } from "../../src/engine/run_once.ts";

const [home, definition] = Deno.args as [string, string];
const databasePath = `${home}/state/sallyport.db`;
const db = openDatabase(databasePath);
db.exec("CREATE TABLE IF NOT EXISTS test_outbox (record TEXT NOT NULL)");
const put = command(db, "INSERT INTO test_outbox VALUES (?)");
const process = parseDefinition(definition, "crash.yaml", CONNECTORS);
console.log("ready");
for (;;) {
  await runOnce(process, {
    db,
    databasePath,
    dataFolder: `${home}/data`,
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
    outbox: { put: (_, record) => void put(JSON.stringify(record)) },
  });
}
