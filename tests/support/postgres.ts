import { Company } from "./company.ts";
import { freePort } from "./fleet.ts";
import { runClient, ServerProcess, userOf } from "./server_process.ts";
import type { ServerUser } from "./server_process.ts";

/** Where Debian puts what no path leads to: one folder a version. */
const VERSIONS = "/usr/lib/postgresql";

/** A real PostgreSQL (https://www.postgresql.org) in a folder of its own, with TLS by a company's CA. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  /** The CA of its certificate, PEM. */
  readonly ca: string;
  readonly #process: ServerProcess;

  private constructor(port: number, ca: string, process: ServerProcess) {
    this.port = port;
    this.ca = ca;
    this.#process = process;
  }

  /** Why there is none here; undefined when there is. */
  static async whyNone(): Promise<string | undefined> {
    if (await folderOfPrograms() === undefined) {
      return "there is no PostgreSQL here (Debian: apt-get install postgresql)";
    }
    return await userOf("postgres") === undefined
      ? "there is no user postgres to run PostgreSQL as"
      : undefined;
  }

  /**
   * Starts one that logs every statement. Its superuser is `admin`, with the password `admin`.
   *
   * @param hosts the names in its certificate
   */
  static async start(hosts = ["localhost", "127.0.0.1"]): Promise<PostgresServer> {
    const programs = (await folderOfPrograms())!;
    const user = (await userOf("postgres"))!;
    const company = await Company.found("Database CA");
    const port = await freePort();
    const process = await ServerProcess.start({
      user,
      prepare: (folder) => prepare(folder, programs, user, port, company, hosts),
      command: (folder) => ({ command: `${programs}/postgres`, args: ["-D", `${folder}/data`] }),
      isReady: (log) => log.includes("database system is ready to accept connections"),
    });
    return new PostgresServer(port, company.root, process);
  }

  /** Runs SQL as the superuser, by the server's own client. */
  run(sql: string, database = "postgres"): Promise<string> {
    return runClient("psql", ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-f", "-"], {
      PGHOST: "127.0.0.1",
      PGPORT: String(this.port),
      PGUSER: "admin",
      PGPASSWORD: "admin",
      PGDATABASE: database,
      PGSSLMODE: "disable",
    }, sql);
  }

  /** What the server logged so far. */
  log(): Promise<string> {
    return this.#process.log();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop("SIGINT");
  }
}

async function folderOfPrograms(): Promise<string | undefined> {
  const versions = await Array.fromAsync(Deno.readDir(VERSIONS)).catch(() => []);
  const newest = versions.map(({ name }) => name).sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : `${VERSIONS}/${newest}/bin`;
}

async function prepare(
  folder: string,
  programs: string,
  user: ServerUser,
  port: number,
  company: Company,
  hosts: string[],
): Promise<void> {
  await Deno.writeTextFile(`${folder}/password`, "admin");
  await user.own(folder);
  const { success, stderr } = await new Deno.Command(`${programs}/initdb`, {
    args: [
      "-D",
      `${folder}/data`,
      "-A",
      "scram-sha-256",
      "-U",
      "admin",
      "--pwfile",
      `${folder}/password`,
      "--no-sync",
      "-E",
      "UTF8",
    ],
    stdout: "null",
    ...user.ids,
    cwd: folder,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { cert, key } = await company.certify(hosts);
  await Deno.writeTextFile(`${folder}/data/server.crt`, cert);
  await Deno.writeTextFile(`${folder}/data/server.key`, key, { mode: 0o600 });
  const settings = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "fsync = off",
    "ssl = on",
    "log_statement = all",
    "log_line_prefix = '%a|%p|'",
    "max_locks_per_transaction = 1024",
  ];
  const file = `${folder}/data/postgresql.conf`;
  await Deno.writeTextFile(file, settings.join("\n") + "\n", { append: true });
  const rules = [
    "hostssl all needs_tls 127.0.0.1/32 scram-sha-256",
    "host all needs_tls 127.0.0.1/32 reject",
    "host all all 127.0.0.1/32 scram-sha-256",
  ];
  await Deno.writeTextFile(`${folder}/data/pg_hba.conf`, rules.join("\n") + "\n");
  await user.own(folder);
}
