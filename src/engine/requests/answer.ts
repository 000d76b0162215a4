import type { Clock } from "../../base/clock.ts";
import { utf8Length } from "../../base/encoding.ts";
import { MAX_CHUNK_RECORDS } from "../../base/limits.ts";
import { answerLine } from "../../protocol/answers.ts";
import type { RequestStore } from "./store.ts";

/** What of an answer is put into one chunk; the gate may make it longer, and it must still fit into one message. */
const CHUNK_BYTES = 128 * 1024;
/** What an answer has so far does not wait for more for longer than this. */
const FLUSH_MS = 250;

export interface AnswerOptions {
  id: string;
  records: AsyncIterable<object>;
  /** Aborts when nobody wants the rest. */
  stop: AbortController;
  store: Pick<RequestStore, "get" | "move" | "addChunk">;
  clock: Clock;
}

/** One answer while it is made: lines that gather until they are a chunk, or have waited for long enough. */
export class Answer {
  readonly #options: AnswerOptions;
  #lines: string[] = [];
  #bytes = 0;
  /** Whether what there is has waited for long enough. */
  #isDue = false;
  #cancelFlush = () => {};
  #wake = () => {};
  #fault: unknown;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** Makes the answer to its end, or until nobody wants the rest of it. */
  async run(): Promise<void> {
    const { records, stop: { signal } } = this.#options;
    try {
      this.#flushLater();
      for await (const record of records) {
        if (signal.aborted) break;
        const line = answerLine(record);
        const bytes = utf8Length(line);
        if (this.#bytes + bytes > CHUNK_BYTES || this.#lines.length >= MAX_CHUNK_RECORDS) {
          await this.#credit();
          if (this.#lines.length > 0) this.#add(false);
        }
        if (this.#lines.length === 0) this.#flushLater();
        this.#lines.push(line);
        this.#bytes += bytes;
      }
      await this.#credit();
      this.#add(true);
    } finally {
      this.#cancelFlush();
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** There may be credit now, or nobody may want the rest any more. */
  look(): void {
    this.#wake();
    if (this.#isDue) this.#flush();
  }

  #flushLater(): void {
    this.#cancelFlush();
    this.#isDue = false;
    this.#cancelFlush = this.#options.clock.after(FLUSH_MS, () => {
      this.#isDue = true;
      this.#flush();
    });
  }

  /** Hands over what there is, if there is credit; without anything, it says that the answer has begun. */
  #flush(): void {
    const { id, stop, store } = this.#options;
    try {
      if (this.#lines.length === 0) store.move(id, "approved", "answering");
      else if (this.#mayAdd()) this.#add(false);
    } catch (thrown) {
      this.#fault = thrown;
      stop.abort();
      this.#wake();
    }
  }

  #mayAdd(): boolean {
    const { id, store } = this.#options;
    const request = store.get(id);
    return request !== undefined && request.endedAt === null && request.made < request.credit;
  }

  /** Waits until one more chunk may be made, or none is wanted any more. */
  async #credit(): Promise<void> {
    while (!this.#options.stop.signal.aborted && !this.#mayAdd()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #add(isLast: boolean): void {
    const { id, stop, store } = this.#options;
    if (stop.signal.aborted) return;
    if (!store.addChunk(id, { lines: this.#lines.join(""), isLast })) stop.abort();
    this.#lines = [];
    this.#bytes = 0;
    this.#isDue = false;
  }
}
