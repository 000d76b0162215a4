import { Allowance } from "../../base/allowance.ts";
import type { Clock } from "../../base/clock.ts";
import type { ErrorCode } from "../../base/errors.ts";
import {
  MAX_CHUNKS_AHEAD,
  MAX_CHUNKS_ON_THE_WAY,
  MAX_OPEN_REQUESTS,
  MAX_REFUSALS_A_MINUTE,
  MAX_REQUESTS_A_MINUTE,
} from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Database } from "../../base/sqlite.ts";
import { transaction } from "../../base/sqlite.ts";
import type { RequestStore, StoredRequest } from "../../engine/requests/store.ts";
import { shapeWords } from "../../gate/answers.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import type { Circumstances } from "../../gate/verdict.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import { ANSWERS } from "../../protocol/answers.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage, misfit } from "../../protocol/messages.ts";
import type { Credit, Ending, EndingMessage, Notice, Request } from "../../protocol/payloads/requests.ts";
import type { Written } from "../drain/channel.ts";
import type { StateGuard } from "../state_guard.ts";
import { composeChunk } from "./chunk.ts";
import { decide } from "./decision.ts";

export interface RequestDeskOptions {
  db: Database;
  store: RequestStore;
  ledger: Pick<Ledger, "acknowledge">;
  /** The policy in force at this moment. */
  policy(): Policy;
  circumstances(): Circumstances;
  clock: Clock;
  log: Log;
  guard: StateGuard;
  /** Whether a platform is connected that takes messages of a capability. */
  takes(capability: string): boolean;
  /** Gate and ledger, within a transaction of the caller; undefined when the gate keeps it here. */
  write(message: CustomMessageInit, records: string): Written | undefined;
  send(written: Written): void;
  /** Told that there is work for an engine. */
  onApproved(): void;
}

/** A request that the platform has named on this connection: only of these is it told anything. */
interface Live {
  /** What was told of it last. */
  told: Notice | Ending | undefined;
  /** Chunks with a lower number are stored at the platform. */
  stored: number;
  /** The number of the chunk that is sent next. */
  next: number;
  /** The ledger's number of its ending. */
  entry?: number;
}

const LATER_MS = 3_600_000;

/**
 * The gatehouse's side of requests: takes them in once, lets the policy judge them again and again until they have
 * ended, and brings what the engine makes of them to the platform, a chunk at a time.
 */
export class RequestDesk {
  readonly #options: RequestDeskOptions;
  readonly #live = new Map<string, Live>();
  readonly #requests: Allowance;
  readonly #refusals: Allowance;
  #cancelTimer = () => {};

  constructor(options: RequestDeskOptions) {
    this.#options = options;
    this.#requests = new Allowance(MAX_REQUESTS_A_MINUTE, options.clock);
    this.#refusals = new Allowance(MAX_REFUSALS_A_MINUTE, options.clock);
  }

  /** How many wait for somebody here to approve them. */
  get waiting(): number {
    return this.#options.store.open().filter(({ state }) => state === "waiting").length;
  }

  /** The platform passes on a request, or asks again how one stands. */
  requested(payloadClass: AnswerClass, request: Request): void {
    this.#guard(() => {
      const { store, log } = this.#options;
      const known = store.get(request.id);
      if (!known) this.#takeIn(payloadClass, request);
      else if (!isSame(known, payloadClass, request)) {
        // Of two such floods the log needs no more than of one.
        if (this.#refusals.take()) {
          log.error("another request came under the id of an earlier one; the first counts", {
            request: request.id,
          });
        }
      } else if (this.#refusals.take()) {
        this.#live.set(request.id, { told: undefined, stored: known.stored, next: request.stored });
        this.#advance(known, request);
        this.#look();
      }
    });
  }

  /** The platform has stored so much of an answer, and takes more of it. */
  credited(payloadClass: AnswerClass, credit: Credit): void {
    this.#guard(() => {
      const request = this.#options.store.get(credit.id);
      if (request?.class !== payloadClass || !this.#live.has(credit.id)) return;
      this.#advance(request, credit);
      this.#look();
    });
  }

  /** The requester, or the platform for them, has no use for an answer any more. */
  cancelled(payloadClass: AnswerClass, id: string, reason: string): void {
    this.#guard(() => {
      const request = this.#options.store.get(id);
      if (!request) {
        return this.#turnAway(payloadClass, id, "failed", "request.not-found", "it is not known here");
      }
      if (request.class !== payloadClass) return;
      if (!this.#live.has(id)) this.#live.set(id, { told: undefined, stored: 0, next: 0 });
      this.#end(request, "cancelled", "request.cancelled", reason);
      this.#look();
    });
  }

  /** The platform has the outcome of a request. */
  settled(payloadClass: AnswerClass, id: string): void {
    this.#guard(() => {
      const { db, store, ledger } = this.#options;
      const request = store.get(id);
      if (request?.class !== payloadClass || request.endedAt === null) return;
      const entry = this.#live.get(id)?.entry;
      transaction(db, () => {
        store.settle(id);
        if (entry !== undefined) ledger.acknowledge(entry);
      });
      this.#live.delete(id);
    });
  }

  /** The connection is gone: on the next one the platform says which requests it still has, and how far. */
  disconnected(): void {
    this.#live.clear();
  }

  /** Goes on with what can go on: call it when the database, the policy or the time has changed. */
  look(): void {
    this.#guard(() => this.#look());
  }

  /** No timer is left behind. */
  stop(): void {
    this.#cancelTimer();
  }

  #guard(work: () => void): void {
    this.#options.guard.run("answering requests", work);
  }

  #takeIn(payloadClass: AnswerClass, request: Request): void {
    const { db, store, clock, log } = this.#options;
    const { id, requester, reason, expiresInMs, credit } = request;
    const refuse = (code: ErrorCode, words: string, retryAfterMs?: number) =>
      this.#turnAway(payloadClass, id, "refused", code, words, retryAfterMs);
    if (store.open().length >= MAX_OPEN_REQUESTS) {
      return refuse("request.busy", `the agent has ${MAX_OPEN_REQUESTS} requests open already`, 10_000);
    }
    if (!this.#requests.take()) {
      const words = `the agent takes ${MAX_REQUESTS_A_MINUTE} requests a minute`;
      return refuse("request.busy", words, this.#requests.waitMs);
    }
    if (request.stored > 0) {
      return this.#turnAway(
        payloadClass,
        id,
        "failed",
        "request.interrupted",
        "the agent has lost this request",
      );
    }
    const parameters = ANSWERS[payloadClass].parameters.safeParse(request.parameters);
    if (!parameters.success) {
      return refuse("request.invalid", `of its parameters, ${misfit(parameters.error)}`);
    }
    const receivedAt = clock.now();
    log.info("a request came", { request: id, class: payloadClass, requester, reason });
    transaction(db, () => {
      store.add({
        id,
        class: payloadClass,
        parameters: JSON.stringify(request.parameters),
        requester,
        reason,
        receivedAt,
        deadline: receivedAt + expiresInMs,
        credit: Math.min(credit, MAX_CHUNKS_AHEAD),
      });
      this.#decide(store.get(id)!); // one commit for both
    });
    this.#live.set(id, { told: undefined, stored: 0, next: 0 });
    this.#look();
  }

  /** Takes over how far the platform says that it is. */
  #advance(request: StoredRequest, { stored, credit }: Pick<Credit, "stored" | "credit">): void {
    const { db, store, ledger, clock } = this.#options;
    const { id } = request;
    const live = this.#live.get(id)!;
    if (request.endedAt !== null) return;
    if (stored < request.stored) {
      return this.#end(
        request,
        "failed",
        "request.interrupted",
        "the platform has lost a part of the answer",
      );
    }
    if (stored > request.stored && !store.chunk(id, stored - 1)?.sha256) return; // it was never sent
    const allowed = Math.max(request.credit, Math.min(credit, stored + MAX_CHUNKS_AHEAD));
    live.stored = stored;
    live.next = Math.max(live.next, stored);
    if (stored === request.stored && allowed === request.credit) return;
    transaction(db, () => {
      for (const entry of store.stored(id, stored, allowed)) ledger.acknowledge(entry);
      if (request.state !== "complete" || stored < request.made) return;
      store.end(id, { state: "answered", now: clock.now() });
      this.#live.delete(id);
    });
  }

  #look(): void {
    const { store } = this.#options;
    for (const request of store.open()) this.#decide(request);
    for (const [id, live] of this.#live) this.#tell(id, live);
    while (this.#sendChunk());
    this.#armTimer();
  }

  #decide(request: StoredRequest): void {
    const { store, policy, circumstances, onApproved } = this.#options;
    const isApproved = () => store.isApproved(request.class, request.requester, circumstances().now);
    const decision = decide(request, policy(), circumstances(), isApproved);
    if (!decision) return;
    if ("words" in decision) {
      return this.#end(request, decision.to, `request.${decision.to}`, decision.words);
    }
    store.move(request.id, request.state, decision.to, decision.approval);
    if (decision.to === "approved") onApproved();
  }

  #end({ id, class: payloadClass }: StoredRequest, state: Ending, code: ErrorCode, words: string): void {
    const { store, clock, log } = this.#options;
    if (!store.end(id, { state, code, words, now: clock.now() })) return;
    log.info("a request has ended", { request: id, class: payloadClass, state, code, reason: words });
  }

  /** Says where a request stands, if the platform does not know that yet. */
  #tell(id: string, live: Live): void {
    const { store } = this.#options;
    const request = store.get(id);
    if (!request) return void this.#live.delete(id);
    const { class: payloadClass, state, made, code, words } = request;
    if (state === "waiting") return this.#notice(request, live, "waiting");
    if (state === "answering" && made === 0) return this.#notice(request, live, "accepted");
    if (request.endedAt === null) return;
    const type = state === "answered" ? "failed" : state as Ending;
    if (live.told === type) return;
    const ending = state === "answered"
      ? this.#ending(id, "request.interrupted", "it was answered before")
      : this.#ending(id, code!, words!);
    const entry = this.#say(payloadClass, type, ending, `${type} (${ending.code})`, request.requester);
    if (entry !== undefined) Object.assign(live, { told: type, entry });
  }

  #notice({ id, class: payloadClass, requester }: StoredRequest, live: Live, type: Notice): void {
    if (live.told === type) return;
    if (this.#say(payloadClass, type, { id }, type, requester) !== undefined) live.told = type;
  }

  /** Answers a request that is not taken in; not without end, so that nobody fills the ledger with it. */
  #turnAway(
    payloadClass: AnswerClass,
    id: string,
    type: Ending,
    code: ErrorCode,
    words: string,
    retryAfterMs?: number,
  ): void {
    if (!this.#refusals.take()) return;
    this.#options.log.warn("turned a request away", {
      request: id,
      class: payloadClass,
      code,
      reason: words,
    });
    const ending = {
      ...this.#ending(id, code, words),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
    this.#say(payloadClass, type, ending, `${type} (${code})`);
  }

  #ending(id: string, code: ErrorCode, words: string): EndingMessage {
    return { id, code, reason: shapeWords(code, words, this.#options.policy()) };
  }

  /** Sends words about a request; gives the ledger's number of them, or undefined when they stay here. */
  #say(
    payloadClass: AnswerClass,
    type: string,
    payload: { id: string },
    what: string,
    requester?: string,
  ): number | undefined {
    const { takes, write, send } = this.#options;
    const capability = CUSTOM[payloadClass];
    if (!takes(capability)) return undefined;
    const written = write(jsonMessage(capability, type, payload), recordsOf(payload.id, what, requester));
    if (written) send(written);
    return written?.entry;
  }

  /** Sends the next chunk of the answer whose turn it is; false when none may be sent now. */
  #sendChunk(): boolean {
    const { store } = this.#options;
    let onTheWay = 0;
    for (const { stored, next } of this.#live.values()) onTheWay += next - stored;
    if (onTheWay >= MAX_CHUNKS_ON_THE_WAY) return false;
    for (const [id, live] of this.#live) {
      const request = store.get(id);
      if (!request || request.endedAt !== null || live.next >= request.made) continue;
      if (!this.#send(request, live)) continue;
      // Whoever has had a turn stands behind the others.
      if (this.#live.delete(id)) this.#live.set(id, live);
      return true;
    }
    return false;
  }

  #send(request: StoredRequest, live: Live): boolean {
    const { db, store, policy: currentPolicy, circumstances, takes, write, send } = this.#options;
    const { id, class: payloadClass, requester } = request;
    const policy = currentPolicy();
    if (policy.halted !== undefined || !takes(CUSTOM[payloadClass])) return false;
    const composed = composeChunk(request, store.chunk(id, live.next)!, policy, circumstances());
    if ("code" in composed) {
      this.#end(request, composed.state, composed.code, composed.words);
      this.#tell(id, live);
      return false;
    }
    const { message, shaped, isNew } = composed;
    const what = `chunk ${shaped.number} (${shaped.records} records)`;
    const written = transaction(db, () => {
      const written = write(message, recordsOf(id, what, requester));
      if (!written) return undefined;
      if (isNew) store.sent(id, shaped, written.entry);
      else store.sentAgain(id, shaped.number, written.entry);
      return written;
    });
    if (!written) return false;
    live.next++;
    send(written);
    return true;
  }

  /** Wakes up for the next deadline. */
  #armTimer(): void {
    const { store, clock } = this.#options;
    this.#cancelTimer();
    const deadlines = store.open().map(({ deadline }) => deadline);
    if (deadlines.length === 0) return;
    const delay = Math.min(LATER_MS, Math.max(0, Math.min(...deadlines) - clock.now()));
    this.#cancelTimer = clock.after(delay, () => this.look());
  }
}

/** How the ledger names a message about a request. */
function recordsOf(id: string, what: string, requester?: string): string {
  return `request ${id}${requester === undefined ? "" : ` of ${requester}`}: ${what}`;
}

function isSame(known: StoredRequest, payloadClass: AnswerClass, request: Request): boolean {
  return known.class === payloadClass && known.requester === request.requester &&
    known.parameters === JSON.stringify(request.parameters);
}
