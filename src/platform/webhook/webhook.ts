import { Backoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Events } from "../events.ts";
import type { Notice } from "./notice.ts";
import { noticeOf } from "./notice.ts";
import { sign } from "./signature.ts";

/** Whom to tell. */
export interface WebhookOptions {
  url: string;
  /** The key of the signature; without it nothing is signed. */
  secret?: string;
  /** Injected by tests. */
  random?: () => number;
}

/** Tries of one delivery, over about a minute with the waits below. */
const MAX_TRIES = 8;
const WAITS = { baseMs: 1_000, capMs: 60_000 };
/** Notices that wait; beyond that the oldest goes, since the newest state is what counts. */
const MAX_WAITING = 1_000;
/** How long the receiver may take to answer. */
const ANSWER_MS = 10_000;

/** A webhook that runs. */
export interface Webhook {
  /** Ends it; what still waits is lost, and counted in the log. */
  stop(): void;
}

/** Tells a receiver over HTTP of what happens, one delivery after another, and never in anybody's way. */
export function startWebhook(
  options: WebhookOptions,
  { clock, log, events }: { clock: Clock; log: Log; events: Events },
): Webhook {
  const courier = new Courier(options, clock, log.child({ webhook: new URL(options.url).host }));
  const unwatch = events.watch((event) => {
    const notice = noticeOf(event, clock);
    if (notice) courier.take(notice);
  });
  return {
    stop() {
      unwatch();
      courier.stop();
    },
  };
}

class Courier {
  readonly #options: WebhookOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #waiting: Notice[] = [];
  #working = false;
  /** Dropped since the log said so last. */
  #dropped = 0;

  constructor(options: WebhookOptions, clock: Clock, log: Log) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  take(notice: Notice): void {
    this.#waiting.push(notice);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      if (this.#dropped++ === 0) this.#log.warn("the webhook's receiver is too slow: notices are dropped");
    }
    if (!this.#working) void this.#work();
  }

  stop(): void {
    this.#stopping.abort();
    const lost = this.#waiting.length + (this.#working ? 1 : 0);
    if (lost > 0) this.#log.warn("the webhook ends with notices that were not delivered", { lost });
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let notice; !this.#stopping.signal.aborted && (notice = this.#waiting.shift());) {
      await this.#deliver(notice);
      this.#tellDropped();
    }
    this.#working = false;
  }

  /** The count of what was dropped, once there is room again. */
  #tellDropped(): void {
    if (this.#dropped === 0 || this.#waiting.length > MAX_WAITING / 2) return;
    this.#log.warn("notices for the webhook were dropped", { dropped: this.#dropped });
    this.#dropped = 0;
  }

  async #deliver(notice: Notice): Promise<void> {
    const { random } = this.#options;
    const backoff = new Backoff({ ...WAITS, ...(random ? { random } : {}) });
    const { signal } = this.#stopping;
    const body = JSON.stringify(notice);
    for (let tries = 1; !signal.aborted; tries++) {
      const failure = await this.#post(notice.id, body);
      if (failure === undefined || signal.aborted) return;
      if (tries === MAX_TRIES) {
        return this.#log.error("a notice could not be delivered", { id: notice.id, tries, reason: failure });
      }
      const waitMs = backoff.next();
      this.#log.debug("a delivery failed", { id: notice.id, tries, reason: failure, retryInMs: waitMs });
      await sleep(this.#clock, waitMs, signal);
    }
  }

  /** Posts once; gives why it failed, or undefined. */
  async #post(id: string, body: string): Promise<string | undefined> {
    const { url, secret } = this.#options;
    const late = new AbortController();
    const cancel = this.#clock.after(ANSWER_MS, () => late.abort());
    try {
      const response = await fetch(url, {
        method: "POST",
        redirect: "manual", // the secret's owner named this address and no other
        headers: {
          "content-type": "application/json",
          "sallyport-delivery": id,
          ...(secret === undefined ? {} : { "sallyport-signature": await sign(secret, body) }),
        },
        body,
        signal: AbortSignal.any([this.#stopping.signal, late.signal]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `the receiver answered ${response.status}`;
    } catch (error) {
      return late.signal.aborted ? `no answer within ${ANSWER_MS / 1_000} s` : messageOf(error);
    } finally {
      cancel();
    }
  }
}
