import { Company } from "./company.ts";
import { freePort } from "./fleet.ts";
import { runClient, ServerProcess, userOf } from "./server_process.ts";

/** A real MariaDB (https://mariadb.org) in a folder of its own, with TLS by a company's CA. */
export class MariaDbServer implements AsyncDisposable {
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
    const { success } = await new Deno.Command("mariadbd", { args: ["--version"], stdout: "null" }).output()
      .catch(() => ({ success: false }));
    if (!success) return "there is no MariaDB here (Debian: apt-get install mariadb-server)";
    return await userOf("mysql") === undefined ? "there is no user mysql to run MariaDB as" : undefined;
  }

  /**
   * Starts one that logs every statement. Its user `root` has no password and comes by the socket.
   *
   * @param hosts the names in its certificate
   */
  static async start(hosts = ["localhost"]): Promise<MariaDbServer> {
    const user = (await userOf("mysql"))!;
    const company = await Company.found("Database CA");
    const port = await freePort();
    const process = await ServerProcess.start({
      user,
      async prepare(folder) {
        await user.own(folder);
        const { success, stderr } = await new Deno.Command("mariadb-install-db", {
          args: [
            "--no-defaults",
            `--datadir=${folder}/data`,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
          ],
          stdout: "null",
          ...user.ids,
          cwd: folder,
        }).output();
        if (!success) throw new Error(new TextDecoder().decode(stderr));
        const { cert, key } = await company.certify(hosts);
        await Deno.writeTextFile(`${folder}/server.crt`, cert);
        await Deno.writeTextFile(`${folder}/server.key`, key, { mode: 0o600 });
        await user.own(folder);
      },
      command: (folder) => ({
        command: "mariadbd",
        args: [
          "--no-defaults",
          `--datadir=${folder}/data`,
          `--port=${port}`,
          "--bind-address=127.0.0.1",
          `--socket=${folder}/socket`,
          `--pid-file=${folder}/pid`,
          `--ssl-cert=${folder}/server.crt`,
          `--ssl-key=${folder}/server.key`,
          "--general-log",
          `--general-log-file=${folder}/general.log`,
          "--innodb-flush-log-at-trx-commit=0",
          "--innodb-file-per-table=0",
        ],
      }),
      isReady: (log) => log.includes("ready for connections"),
    });
    return new MariaDbServer(port, company.root, process);
  }

  /** Runs SQL as root, by the server's own client. */
  run(sql: string): Promise<string> {
    return runClient(
      "mariadb",
      [
        "--no-defaults",
        `--socket=${this.#process.folder}/socket`,
        "--user=root",
        "--default-character-set=utf8mb4",
        "-N",
      ],
      {},
      sql,
    );
  }

  /** Every statement that it ran so far, as it wrote them down itself. */
  log(): Promise<string> {
    return Deno.readTextFile(`${this.#process.folder}/general.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop("SIGTERM");
  }
}
