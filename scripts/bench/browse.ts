/**
 * Browsing a database of 10,000 tables, beside `pg_dump --schema-only` of the same.
 *
 *   deno run -A scripts/bench/browse.ts [--json]
 */
import { systemClock } from "../../src/base/clock.ts";
import { browsePage } from "../../src/connectors/browse/page.ts";
import { parseConnections } from "../../src/connectors/connections/connections.ts";
import { secretsIn } from "../../src/connectors/connections/secrets.ts";
import { PostgresServer } from "../../tests/support/postgres.ts";
import type { Figure } from "./lib.ts";
import { cpuSecondsOf, median, memoryOf, print } from "./lib.ts";

const TABLES = 10_000;
const ROUNDS = 3;

const why = await PostgresServer.whyNone();
if (why !== undefined) throw new Error(why);
await using server = await PostgresServer.start();
await server.run(`
  CREATE TABLE customers (id bigint PRIMARY KEY);
  DO $$ BEGIN FOR i IN 1..${TABLES} LOOP
    EXECUTE format('CREATE TABLE t%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint NOT NULL
      REFERENCES customers, name varchar(80) NOT NULL DEFAULT %L, total numeric(10,2), at timestamptz)', i, 'x');
    EXECUTE format('CREATE INDEX ON t%s (customer, at)', i);
    IF i % 200 = 0 THEN COMMIT; END IF;
  END LOOP; END $$;`);
await server.run("VACUUM ANALYZE");

const home = await Deno.makeTempDir();
await Deno.writeTextFile(`${home}/admin`, "admin", { mode: 0o600 });
await Deno.writeTextFile(`${home}/ca.pem`, server.ca);
const postgres = {
  host: "localhost",
  port: server.port,
  database: "postgres",
  user: "admin",
  password: "admin",
  tls: { ca: "ca.pem" },
};
const [connection] = parseConnections(
  JSON.stringify({ connections: { it: { postgres } } }),
  "connections.yaml",
);

interface Round {
  seconds: number;
  cpuSeconds: number;
  records: number;
  bytes: number;
  pages: number;
  firstMs: number;
}

async function browse(pageSize: number): Promise<Round> {
  const [from, cpuFrom] = [performance.now(), await cpuSecondsOf(Deno.pid)];
  const round: Round = { seconds: 0, cpuSeconds: 0, records: 0, bytes: 0, pages: 0, firstMs: 0 };
  let page: string | undefined;
  do {
    const request = { connection: "it", pageSize, ...page === undefined ? {} : { page } };
    page = undefined;
    round.pages++;
    for await (
      const record of browsePage(connection!, request, {
        dataFolder: home,
        secrets: secretsIn(home, () => Promise.reject(new Error("nothing is sealed here"))),
        clock: systemClock,
        signal: new AbortController().signal,
        timeLimitMs: 60_000,
      })
    ) {
      if (round.records === 0) round.firstMs = performance.now() - from;
      round.records++;
      round.bytes += JSON.stringify(record).length;
      if (record.kind === "end") page = record.next;
    }
  } while (page !== undefined);
  round.seconds = (performance.now() - from) / 1_000;
  round.cpuSeconds = await cpuSecondsOf(Deno.pid) - cpuFrom;
  return round;
}

async function dump(): Promise<{ seconds: number; bytes: number }> {
  const from = performance.now();
  const { success, stdout, stderr } = await new Deno.Command("pg_dump", {
    args: ["--schema-only", "--no-owner"],
    env: {
      PGHOST: "localhost",
      PGPORT: String(server.port),
      PGUSER: "admin",
      PGPASSWORD: "admin",
      PGDATABASE: "postgres",
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: `${home}/ca.pem`,
    },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { seconds: (performance.now() - from) / 1_000, bytes: stdout.length };
}

const [whole, paged, dumps]: [Round[], Round[], { seconds: number; bytes: number }[]] = [[], [], []];
for (let round = 0; round < ROUNDS; round++) {
  whole.push(await browse(10_000));
  paged.push(await browse(1_000));
  dumps.push(await dump());
}
const { rss } = await memoryOf(Deno.pid);
await Deno.remove(home, { recursive: true });

const seconds = (rounds: readonly { seconds: number }[]) =>
  Math.round(median(rounds.map((r) => r.seconds)) * 100) / 100;
const beside = (rounds: readonly Round[]) => {
  const ratio = median(rounds.map(({ seconds }, i) => seconds / dumps[i]!.seconds));
  return `pg_dump --schema-only: ${seconds(dumps)} s, ${(dumps[0]!.bytes / 1e6).toFixed(1)} MB; ${
    ratio.toFixed(2)
  } x`;
};
const figures: Figure[] = [
  {
    what: `${TABLES} tables, ${whole[0]!.records} records in ${whole[0]!.pages} pages`,
    value: seconds(whole),
    unit: "s",
    beside: beside(whole),
  },
  { what: `the same in ${paged[0]!.pages} pages`, value: seconds(paged), unit: "s", beside: beside(paged) },
  {
    what: "processor time of the agent's side",
    value: Math.round(median(whole.map(({ cpuSeconds }) => cpuSeconds)) * 100) / 100,
    unit: "s",
  },
  { what: "to the first record", value: Math.round(median(whole.map(({ firstMs }) => firstMs))), unit: "ms" },
  { what: "records as JSON", value: Math.round(whole[0]!.bytes / 1e5) / 10, unit: "MB" },
  { what: "resident memory afterwards", value: rss, unit: "MiB" },
];
print(`Browsing PostgreSQL; median of ${ROUNDS} rounds, by TLS on loopback`, figures);
