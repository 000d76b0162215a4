import { connectionError } from "./connection_error.ts";
import type { Explanation, Stage } from "./connection_error.ts";

/** What sessions with servers have in common: how far one came, and that an abort ends it at once. */
export abstract class ServerSession {
  protected stage: Stage = "connecting";
  protected readonly signal: AbortSignal;
  readonly #server: string;
  readonly #destroy = () => this.destroy();

  /** @param server what it is called in messages */
  protected constructor(server: string, signal: AbortSignal) {
    this.#server = server;
    this.signal = signal;
    signal.addEventListener("abort", this.#destroy, { once: true });
  }

  /** Ends the transaction and the connection; never throws, and an abort hurries a server that does not answer. */
  async close(): Promise<void> {
    try {
      this.signal.throwIfAborted();
      await this.sayGoodbye();
    } catch {
      this.destroy();
    } finally {
      this.signal.removeEventListener("abort", this.#destroy);
    }
  }

  /** Ends the connection at once, whatever it waits for. */
  protected abstract destroy(): void;

  /** Ends the transaction, and then the connection, as the server wants it. */
  protected abstract sayGoodbye(): Promise<void>;

  /** What became of the connection, by how far it came. */
  protected explain(cause: unknown, better?: Partial<Explanation>, stage = this.stage): Error {
    return connectionError(this.#server, stage, cause, better);
  }
}
