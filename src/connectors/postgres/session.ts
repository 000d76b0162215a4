import pg from "pg";
import type { Secrets } from "../connections/secrets.ts";
import { addressOf, passwordOf, tlsChecks } from "../connections/address.ts";
import type { ServerConfig } from "../connections/address.ts";
import type { Explanation } from "../connections/connection_error.ts";
import { ServerSession } from "../connections/server_session.ts";
import { STATEMENTS } from "./statements.ts";
import type { Statement } from "./statements.ts";

export interface PostgresConfig extends ServerConfig {
  database: string;
}

/** What is used of the driver. Its events tell how far a connection came. */
interface Driver {
  connect(): Promise<void>;
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
  connection: {
    once(event: "connect" | "message", listener: () => void): void;
    stream: { destroy(): void };
  };
}

/** A session that reads the system's catalogs in one transaction, which cannot write, by fixed statements. */
export class PostgresSession extends ServerSession {
  readonly #client: Driver;

  private constructor(client: Driver, server: string, signal: AbortSignal) {
    super(server, signal);
    this.#client = client;
    // A connection that breaks between two statements fails the next one.
    client.on("error", () => {});
  }

  /**
   * Connects, logs in and begins the transaction.
   *
   * @throws {SallyportError} `connection.*` or `schema.unreadable`.
   */
  static async open(config: PostgresConfig, secrets: Secrets, signal: AbortSignal): Promise<PostgresSession> {
    const { host, port, user, database } = config;
    const [password, checks] = [await passwordOf(config, secrets), await tlsChecks(config, secrets)];
    const client = new pg.Client({
      host,
      port,
      user,
      database,
      // As a function, because the driver takes an empty text for none and looks for a file of passwords.
      password: () => password,
      ssl: checks ?? false,
      application_name: "sallyport",
    }) as Driver;
    const session = new PostgresSession(client, `PostgreSQL at ${addressOf(config)}`, signal);
    try {
      signal.throwIfAborted();
      client.connection.once("connect", () => session.stage = checks ? "securing" : "logging-in");
      // Whatever the server says is said inside TLS. (The socket's own events come too early on Deno 2.7.)
      client.connection.once("message", () => session.stage = "logging-in");
      await client.connect();
      session.stage = "reading";
      for (const name of ["begin", "limitTime", "limitLocks", "limitNames"] as const) {
        await client.query(STATEMENTS[name]);
      }
      return session;
    } catch (cause) {
      session.destroy();
      throw session.#explain(cause);
    }
  }

  /**
   * Runs one of the statements.
   *
   * @throws {SallyportError} `schema.unreadable` or `connection.unreachable`.
   */
  async read<T>(statement: Statement, ...values: unknown[]): Promise<T[]> {
    try {
      this.signal.throwIfAborted();
      const { rows } = await this.#client.query(STATEMENTS[statement], values);
      return rows as T[];
    } catch (cause) {
      throw this.#explain(cause);
    }
  }

  protected override destroy(): void {
    this.#client.connection.stream.destroy();
  }

  protected override async sayGoodbye(): Promise<void> {
    await this.#client.query(STATEMENTS.end);
    await this.#client.end();
  }

  #explain(cause: unknown): Error {
    const state = String((cause as { code?: unknown } | undefined)?.code ?? "");
    return this.explain(
      cause,
      BY_STATE.find(([states]) => states.some((prefix) => state.startsWith(prefix)))?.[1],
    );
  }
}

/** What the server says by its own codes (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const BY_STATE: readonly [states: readonly string[], Partial<Explanation>][] = [
  [["28000"], {
    remedy:
      "The server lets this user in from nowhere that fits: its pg_hba.conf may want TLS (leave tls: off away), " +
      "another address or another user.",
  }],
  [["53", "57P03"], {
    code: "connection.unreachable",
    what: "the server takes no connections now",
    retryable: true,
  }],
  [["57014", "55P03"], {
    code: "schema.timed-out",
    what: "a statement took too long",
    remedy: "The server is busy, or something holds its catalogs locked. Try again later.",
    retryable: true,
  }],
];
