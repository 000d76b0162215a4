import mysql from "mysql2";
import type { Connection } from "mysql2";
import { addressOf, passwordOf, tlsChecks } from "../connections/address.ts";
import type { ServerConfig } from "../connections/address.ts";
import type { Explanation } from "../connections/connection_error.ts";
import { ServerSession } from "../connections/server_session.ts";
import type { Secrets } from "../connections/secrets.ts";
import { STATEMENTS } from "./statements.ts";
import type { Statement } from "./statements.ts";

export interface MysqlConfig extends ServerConfig {
  database?: string | undefined;
}

/** A session that reads `information_schema` in one transaction, which cannot write, by fixed statements. */
export class MysqlSession extends ServerSession {
  /** As the server tells it, such as `10.11.6-MariaDB`. */
  version = "";
  readonly #connection: Connection;

  private constructor(connection: Connection, server: string, signal: AbortSignal) {
    super(server, signal);
    this.#connection = connection;
    // A connection that breaks between two statements fails the next one.
    connection.on("error", () => {});
  }

  /**
   * Connects, logs in and begins the transaction.
   *
   * @throws {SallyportError} `connection.*` or `schema.unreadable`.
   */
  static async open(config: MysqlConfig, secrets: Secrets, signal: AbortSignal): Promise<MysqlSession> {
    const [password, checks] = [await passwordOf(config, secrets), await tlsChecks(config, secrets)];
    signal.throwIfAborted();
    const { host, port, user } = config;
    const connection = mysql.createConnection({
      host,
      port,
      user,
      password,
      // The driver by itself looks at who signed the certificate, and not at whose it is.
      ...checks ? { ssl: { verifyIdentity: true, ...checks.ca === undefined ? {} : { ca: checks.ca } } } : {},
      charset: "utf8mb4",
      connectTimeout: 0,
      // A server may ask its client for any file that the client can read.
      flags: ["-LOCAL_FILES"],
    });
    const session = new MysqlSession(connection, `MySQL or MariaDB at ${addressOf(config)}`, signal);
    try {
      await session.#connected(checks !== undefined);
      const [row] = await session.read<{ version: string }>("version");
      session.version = row!.version;
      const isMariaDb = session.version.includes("MariaDB");
      for (const name of ["limitLocks", isMariaDb ? "limitTime" : "limitTimeOfMySql", "begin"] as const) {
        await session.#run(name);
      }
      return session;
    } catch (cause) {
      connection.destroy();
      throw cause;
    }
  }

  /**
   * Runs one of the statements, with its parameters apart from it.
   *
   * @throws {SallyportError} `schema.unreadable` or `schema.timed-out`.
   */
  async read<T>(statement: Statement, ...values: string[]): Promise<T[]> {
    try {
      this.signal.throwIfAborted();
      const [rows] = await this.#ending(this.#connection.promise().execute(STATEMENTS[statement], values));
      return rows as T[];
    } catch (cause) {
      throw this.#explain(cause);
    }
  }

  protected override destroy(): void {
    this.#connection.destroy();
  }

  protected override async sayGoodbye(): Promise<void> {
    await this.#run("end");
    await this.#connection.promise().end();
  }

  /** For what a server does not take as a prepared statement. */
  async #run(statement: Statement): Promise<void> {
    try {
      await this.#ending(this.#connection.promise().query(STATEMENTS[statement]));
    } catch (cause) {
      throw this.#explain(cause);
    }
  }

  async #connected(byTls: boolean): Promise<void> {
    const connection = this.#connection as Connection & {
      stream: { once(event: "connect", on: () => void): void };
    };
    connection.stream.once("connect", () => this.stage = byTls ? "securing" : "logging-in");
    const connected = new Promise<void>((resolve, reject) => {
      connection.once("connect", () => resolve());
      connection.once("error", reject);
    });
    try {
      await this.#ending(connected);
      this.stage = "reading";
    } catch (cause) {
      throw this.#explain(cause);
    }
  }

  /** The driver forgets what waits on a connection that is destroyed. */
  #ending<T>(work: Promise<T>): Promise<T> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(this.signal.reason);
    this.signal.addEventListener("abort", abort, { once: true });
    if (this.signal.aborted) abort();
    work.catch(() => {});
    return Promise.race([work, aborted]).finally(() => this.signal.removeEventListener("abort", abort));
  }

  #explain(cause: unknown): Error {
    const { errno, sqlState } = (cause ?? {}) as { errno?: number; sqlState?: string };
    // The server says nothing by a code of its own before TLS stands.
    const answered = sqlState !== undefined && sqlState !== "";
    const stage = this.stage === "securing" && answered ? "logging-in" : this.stage;
    const better = answered ? BY_NUMBER.find(([numbers]) => numbers.includes(errno!))?.[1] : undefined;
    return this.explain(cause, better, stage);
  }
}

/** What the server says by its own codes (https://mariadb.com/kb/en/mariadb-error-code-reference/). */
const BY_NUMBER: readonly [numbers: readonly number[], Partial<Explanation>][] = [
  [[1045, 3159], {
    remedy:
      "Check user and password file. The server may want TLS of this user (leave tls: off away), or another host.",
  }],
  [[1040, 1053, 1203], {
    code: "connection.unreachable",
    what: "the server takes no connections now",
    retryable: true,
  }],
  [[1205, 1969, 3024], {
    code: "schema.timed-out",
    what: "a statement took too long",
    remedy: "The server is busy, or something holds its tables locked. Try again later.",
    retryable: true,
  }],
];
