import type { CloseCode } from "../../protocol/closing.ts";
import { CLOSE } from "../../protocol/closing.ts";
import type { Outgoing, Receiver } from "./wire.ts";
import { Wire } from "./wire.ts";

/** What answers one message of an agent that polls. */
export interface Answer {
  message: Outgoing;
  /** Whether more waits to be said. */
  more: boolean;
  /** The code with which the session ended. */
  closed: CloseCode | undefined;
}

/** Messages that may wait for an agent that does not ask, and messages of an agent that may wait for their turn. */
const MAX_WAITING = 32;

/** The connection of an agent that polls: its requests and what waits for the next of them. */
export class PollingWire extends Wire {
  readonly transport = "polling";
  readonly #onEnd: (isRefusal: boolean) => void;
  #outbox: Outgoing[] = [];
  #receiver: Receiver | undefined;
  #closed: CloseCode | undefined;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param onEnd called once, when the connection ends; `isRefusal`: the agent should still hear of it */
  constructor(onEnd: (isRefusal: boolean) => void) {
    super();
    this.#onEnd = onEnd;
  }

  /** Hands the connection to its receiver; call it once. */
  serve(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#enqueue(() => receiver.open());
  }

  /** Takes a message, as a frame of OpAMP, and gives the answer. */
  async take(frame: Uint8Array<ArrayBuffer>): Promise<Answer> {
    if (this.#waiting >= MAX_WAITING) this.refuse("too many requests at once", CLOSE.tooMany);
    await this.#enqueue(() =>
      this.#closed === undefined ? this.#receiver!.message(frame) : Promise.resolve()
    );
    const message = this.#nextMessage();
    return { message, more: this.#outbox.length > 0, closed: this.#closed };
  }

  send(message: Outgoing): void {
    if (this.#closed !== undefined) return;
    const last = this.#outbox.at(-1);
    if (last && isState(last) && isState(message)) {
      this.#outbox[this.#outbox.length - 1] = { ...last, ...message };
    } else this.#outbox.push(message);
    // The next request then begins a session in which everything is told anew.
    if (this.#outbox.length > MAX_WAITING) this.cut();
  }

  close(code: CloseCode, _words: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = code;
    this.#onEnd(code >= CLOSE.badRequest);
    this.#enqueue(() => this.#receiver!.closed(code));
  }

  cut(): void {
    this.close(CLOSE.goingAway, "");
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    this.#waiting++;
    return this.#work = this.#work.then(task)
      .catch((error) => this.#receiver!.failed(error))
      .finally(() => this.#waiting--);
  }

  /** As much of what waits as one message can say: OpAMP's fields stand side by side, but an error stands alone. */
  #nextMessage(): Outgoing {
    let message: Outgoing = this.#outbox.shift() ?? {};
    while (this.#outbox[0] && fitsBeside(message, this.#outbox[0])) {
      message = { ...message, ...this.#outbox.shift() };
    }
    return message;
  }
}

/** Whether a message says only how things stand, so that a newer one may take its place. */
function isState({ errorResponse, customMessage }: Outgoing): boolean {
  return !errorResponse && !customMessage;
}

function fitsBeside(message: Outgoing, next: Outgoing): boolean {
  return !message.errorResponse && !next.errorResponse && !(message.customMessage && next.customMessage);
}
