import type { Clock } from "../../base/clock.ts";
import { asSallyportError, messageOf } from "../../base/errors.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { MAX_ANSWERS_AT_ONCE } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Database } from "../../base/sqlite.ts";
import { Answer } from "./answer.ts";
import type { Responder, Responders } from "./responder.ts";
import type { RequestStore, StoredRequest } from "./store.ts";
import { createRequestStore } from "./store.ts";

export interface AnsweringOptions {
  db: Database;
  responders: Responders;
  /** Takes secrets out of the words of an error, and cuts them. */
  redact(text: string): string;
  clock: Clock;
  log: Log;
}

interface Running {
  answer: Answer;
  stop: AbortController;
  ended: Promise<void>;
}

/**
 * The engine's side of requests: makes the chunks of answers, only as many ahead as the platform gives credit for, and
 * leaves them in the database.
 */
export class Answering {
  readonly #options: AnsweringOptions;
  readonly #store: RequestStore;
  readonly #running = new Map<string, Running>();
  #stopping = false;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#store = createRequestStore(options.db);
    // What an engine that was killed had begun, nobody can go on with.
    for (const { id, state } of this.#store.open()) {
      if (state === "answering") {
        this.#fail(id, "request.interrupted", "the engine was started anew meanwhile");
      }
    }
  }

  /** Begins what may begin, ends what is not wanted any more, and goes on where there is credit again. */
  look(): void {
    if (this.#stopping) return;
    const open = this.#store.open();
    const wanted = new Set(open.map(({ id }) => id));
    for (const [id, { answer, stop }] of this.#running) {
      if (!wanted.has(id)) stop.abort();
      answer.look();
    }
    for (const request of open) {
      if (this.#running.size >= MAX_ANSWERS_AT_ONCE) return;
      if (request.state === "approved" && !this.#running.has(request.id)) this.#begin(request);
    }
  }

  /** Gives up what is under way: each such request fails, and may be asked again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { answer, stop } of this.#running.values()) {
      stop.abort();
      answer.look();
    }
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #begin({ id, class: payloadClass, parameters }: StoredRequest): void {
    const { responders, clock, log } = this.#options;
    const stop = new AbortController();
    // They were checked against the class's schema when they came.
    const responder: Responder<never> = responders[payloadClass];
    const records = responder.answer(JSON.parse(parameters) as never, stop.signal);
    const answer = new Answer({ id, records, stop, store: this.#store, clock });
    const ended = this.#run(id, answer)
      .finally(() => this.#running.delete(id))
      .then(() => this.look())
      .catch((error) => log.error("a request is given up", { request: id, reason: messageOf(error) }));
    this.#running.set(id, { answer, stop, ended });
  }

  async #run(id: string, answer: Answer): Promise<void> {
    try {
      await answer.run();
    } catch (thrown) {
      if (this.#stopping) return this.#interrupt(id);
      const { code, message } = asSallyportError(thrown);
      this.#options.log.warn("a request cannot be answered", { request: id, reason: messageOf(thrown) });
      return this.#fail(id, code, code === "internal" ? "the agent met a defect of its own" : message);
    }
    if (this.#stopping && this.#store.get(id)?.state === "answering") this.#interrupt(id);
  }

  #interrupt(id: string): void {
    this.#fail(id, "request.interrupted", "the agent's engine was stopped meanwhile");
  }

  #fail(id: string, code: ErrorCode, words: string): void {
    const { clock, redact } = this.#options;
    this.#store.end(id, { state: "failed", code, words: redact(words), now: clock.now() });
  }
}
