import { gzipSync } from "node:zlib";
import { Allowance } from "../../base/allowance.ts";
import type { Clock } from "../../base/clock.ts";
import { inWords } from "../../base/clock.ts";
import { SallyportError } from "../../base/errors.ts";
import { uuidv7 } from "../../base/ids.ts";
import {
  MAX_ANSWER_BYTES,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS_AHEAD,
  MAX_QUEUED_REQUESTS,
  MAX_REQUESTS_A_MINUTE,
} from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import { answerClassOf, answerLine, ANSWERS, chunkHash } from "../../protocol/answers.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessage } from "../../protocol/generated/opamp_pb.ts";
import { jsonMessage, misfit, readJsonMessage } from "../../protocol/messages.ts";
import type { Credit, Request } from "../../protocol/payloads/requests.ts";
import {
  chunkSchema,
  ENDINGS,
  endingSchema,
  NOTICES,
  noticeSchema,
} from "../../protocol/payloads/requests.ts";
import type { Events } from "../events.ts";
import type { Fleet, LiveSession } from "../sessions/fleet.ts";
import type { RequestEnd, RequestRecord } from "../store/requests.ts";
import type { Store } from "../store/store.ts";

export interface RequestDeskOptions {
  clock: Clock;
  log: Log;
  events: Events;
  fleet: Pick<Fleet, "session">;
  store: Pick<Store, "requests" | "tokens">;
}

/** What somebody asks of an agent. */
export interface Wish {
  agent: { uid: string; name: string };
  channel: AnswerClass;
  parameters: Record<string, unknown>;
  requester: string;
  reason: string;
  /** How long from now the answer is of use. */
  withinMs: number;
}

const LATER_MS = 3_600_000;
/** Text compresses almost as well with little work. */
const GZIP = { level: 3 };

/**
 * The platform's side of requests: keeps each before it is sent, brings it to its agent as soon as that is there, keeps
 * the answer as it comes, and ends what is not answered by its deadline.
 */
export class RequestDesk {
  readonly #options: RequestDeskOptions;
  /** How many may be asked of each agent. */
  readonly #allowances = new Map<string, Allowance>();
  /** Resolved at the next change of a request. */
  readonly #changes = new Map<string, PromiseWithResolvers<void>>();
  #cancelTimer = () => {};
  #isOver = false;

  constructor(options: RequestDeskOptions) {
    this.#options = options;
  }

  /** Ends what is overdue since the last start, and waits for the next deadline. */
  async start(): Promise<void> {
    await this.#expire();
  }

  /** No timer and no reader is left waiting. */
  stop(): void {
    this.#isOver = true;
    this.#cancelTimer();
    for (const id of [...this.#changes.keys()]) this.#changed(id);
  }

  /**
   * Keeps a request, and passes it on if the agent is there.
   *
   * @throws {SallyportError} `request.busy` when too many wait or come, `request.invalid` when the agent that is
   * connected cannot answer it.
   */
  async ask({ agent, channel, parameters, requester, reason, withinMs }: Wish): Promise<RequestRecord> {
    const { clock, fleet, store: { requests }, log } = this.#options;
    const session = fleet.session(agent.uid);
    if (session && !session.speaks(CUSTOM[channel])) {
      throw new SallyportError("request.invalid", `${agent.name} knows no requests for ${channel}`, {
        remedy: "Its version is older than that: bring it up to date first.",
      });
    }
    await this.#checkRate(agent);
    const askedAt = clock.now();
    const id = uuidv7(clock);
    await requests.add({
      id,
      agent: agent.uid,
      channel,
      parameters: JSON.stringify(parameters),
      requester,
      reason,
      askedAt,
      deadline: askedAt + withinMs,
    });
    await this.#audit(requester, "ask", { id, channel, agentName: agent.name, words: reason });
    log.info("a request was made", { request: id, agent: agent.uid, channel, requester, reason });
    const request = (await requests.get(id))!;
    this.#tell(request);
    const present = fleet.session(agent.uid);
    if (present) await this.#pass(present, request);
    await this.#armTimer();
    return (await requests.get(id))!;
  }

  /**
   * Takes a request back; false when it has ended.
   *
   * @param who takes it back, as the audit has it
   */
  async cancel(request: RequestRecord, who: string): Promise<boolean> {
    const words = `${who} took it back`;
    return await this.#end(request, { state: "cancelled", code: "request.cancelled", words }, who);
  }

  /** An agent has introduced itself: it is told what it should know of requests. */
  async connected(session: LiveSession): Promise<void> {
    for (const request of await this.#options.store.requests.unsettled(session.uid)) {
      await this.#pass(session, request);
    }
  }

  /**
   * Takes a message of an agent about a request.
   *
   * @throws {SallyportError} `platform.protocol` naming what does not fit; nothing is kept then.
   */
  async take(session: LiveSession, message: CustomMessage): Promise<void> {
    const channel = answerClassOf(message.capability)!;
    const { type } = message;
    if (type === "chunk") return await this.#takeChunk(session, channel, message);
    const notice = NOTICES.find((each) => each === type);
    if (notice) {
      const { id } = readJsonMessage(message, noticeSchema);
      const request = await this.#find(session, channel, id);
      await this.#move(request, notice === "waiting" ? "waiting" : "answering");
      return;
    }
    const state = ENDINGS.find((each) => each === type);
    if (!state) throw invalid(channel, `the type "${type}" is unknown`);
    const { id, code, reason: words, retryAfterMs } = readJsonMessage(message, endingSchema);
    const request = await this.#find(session, channel, id);
    if (!await this.#end(request, { state, code, words, retryAfterMs, settled: true }, session.name)) {
      await this.#options.store.requests.settle(id);
    }
    session.tell(jsonMessage(CUSTOM[channel], "settled", { id }));
  }

  /** Resolves when something about a request changes after this call, or when the platform stops. */
  change(id: string): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    const change = this.#changes.get(id) ?? Promise.withResolvers<void>();
    this.#changes.set(id, change);
    return change.promise;
  }

  /** Whether the platform stops, so that nobody should wait for a change. */
  get isOver(): boolean {
    return this.#isOver;
  }

  async #takeChunk(session: LiveSession, channel: AnswerClass, message: CustomMessage): Promise<void> {
    const { clock, store: { requests } } = this.#options;
    if (message.data.length > MAX_CHUNK_BYTES) {
      throw invalid(
        channel,
        `a chunk has ${message.data.length} bytes; at most ${MAX_CHUNK_BYTES} are allowed`,
      );
    }
    const { id, index, records, sha256, last } = readJsonMessage(message, chunkSchema);
    const request = await this.#find(session, channel, id);
    if (request.endedAt !== null) return this.#takeBack(session, request);
    if (index !== request.chunks) {
      if (index > request.chunks) throw invalid(channel, `chunk ${index} came and ${request.chunks} is next`);
      return this.#grant(session, request); // it came before, and its acknowledgement was lost
    }
    for (const record of records) {
      const parsed = ANSWERS[channel].record.safeParse(record);
      if (!parsed.success) throw invalid(channel, `of a record in chunk ${index}, ${misfit(parsed.error)}`);
    }
    const lines = new TextEncoder().encode(records.map(answerLine).join(""));
    if (chunkHash(request.sha256, lines) !== sha256) {
      throw invalid(channel, `the hash of chunk ${index} does not fit to it and those before`);
    }
    const whole = { records: request.records + records.length, bytes: request.bytes + lines.length };
    if (last && (last.records !== whole.records || last.bytes !== whole.bytes)) {
      throw invalid(channel, `the answer should have ${last.bytes} bytes, and ${whole.bytes} came`);
    }
    const body = new Uint8Array(gzipSync(lines, GZIP));
    if (request.keptBytes + body.length > MAX_ANSWER_BYTES) {
      const words = `the answer is larger than ${MAX_ANSWER_BYTES / 2 ** 20} MiB as it would be kept`;
      await this.#end(request, { state: "failed", code: "request.too-large", words }, session.name);
      return;
    }
    const kept = { body, records: records.length, bytes: lines.length, sha256 };
    if (!await requests.append(id, kept, last && clock.now())) return;
    this.#grant(session, { ...request, chunks: index + 1 });
    this.#changed(id);
    const now = { ...request, ...whole, state: last ? "answered" : "answering" } as const;
    if (request.state !== now.state) this.#tell(now);
    if (!last) return;
    await this.#audit(session.name, "answered", request);
    await requests.prune(clock.now());
  }

  async #find(session: LiveSession, channel: AnswerClass, id: string): Promise<RequestRecord> {
    const request = await this.#options.store.requests.get(id);
    if (request?.agent === session.uid && request.channel === channel) return request;
    throw invalid(channel, `the request ${id} was not made`);
  }

  /** Tells an agent of a request: that it was made, or that it has ended. */
  async #pass(session: LiveSession, request: RequestRecord): Promise<void> {
    const { id, channel, parameters, requester, reason, deadline, chunks } = request;
    if (!session.speaks(CUSTOM[channel])) return;
    if (request.endedAt !== null) return this.#takeBack(session, request);
    if (request.state === "queued") await this.#move(request, "sent");
    const message: Request = {
      id,
      parameters: JSON.parse(parameters),
      requester,
      reason,
      expiresInMs: Math.max(0, deadline - this.#options.clock.now()),
      stored: chunks,
      credit: chunks + MAX_CHUNKS_AHEAD,
    };
    session.tell(jsonMessage(CUSTOM[channel], "request", message));
  }

  #takeBack(session: LiveSession, { id, channel, words }: RequestRecord): void {
    session.tell(jsonMessage(CUSTOM[channel], "cancel", { id, reason: words ?? "" }));
  }

  #grant(session: LiveSession, { id, channel, chunks }: RequestRecord): void {
    const credit: Credit = { id, stored: chunks, credit: chunks + MAX_CHUNKS_AHEAD };
    session.tell(jsonMessage(CUSTOM[channel], "credit", credit));
  }

  async #move(request: RequestRecord, state: "sent" | "waiting" | "answering"): Promise<void> {
    if (request.state === state || !await this.#options.store.requests.move(request.id, state)) return;
    this.#tell({ ...request, state });
  }

  /** Ends a request, and has its agent told of it; false when it had ended before. */
  async #end(
    request: RequestRecord,
    end: Omit<RequestEnd, "now" | "settled"> & { settled?: boolean },
    who: string,
  ): Promise<boolean> {
    const { clock, fleet, log, store: { requests } } = this.#options;
    const { id, agent, channel } = request;
    const { state, code, words } = end;
    // Of one that was never passed on the agent knows nothing.
    const settled = end.settled ?? request.state === "queued";
    if (!await requests.end(id, { ...end, settled, now: clock.now() })) return false;
    log.info("a request has ended", { request: id, agent, channel, state, code, reason: words });
    const ended = { ...request, state, code: code ?? null, words: words ?? null };
    await this.#audit(who, state, ended);
    this.#tell(ended);
    const session = fleet.session(agent);
    if (session && !settled) this.#takeBack(session, ended);
    await requests.prune(clock.now());
    return true;
  }

  async #checkRate({ uid, name }: Wish["agent"]): Promise<void> {
    const { clock, store: { requests } } = this.#options;
    if (await requests.openOf(uid) >= MAX_QUEUED_REQUESTS) {
      throw new SallyportError("request.busy", `${MAX_QUEUED_REQUESTS} requests wait for ${name} already`, {
        retryable: true,
        remedy: "Wait until some have ended, or take some back.",
      });
    }
    const allowance = this.#allowances.get(uid) ?? new Allowance(MAX_REQUESTS_A_MINUTE, clock);
    this.#allowances.set(uid, allowance);
    if (allowance.take()) return;
    const seconds = Math.ceil(allowance.waitMs / 1_000);
    throw new SallyportError(
      "request.busy",
      `${name} gets at most ${MAX_REQUESTS_A_MINUTE} requests a minute`,
      {
        retryable: true,
        remedy: `Try again in ${seconds} s.`,
        facts: { retryAfterSeconds: seconds },
      },
    );
  }

  async #expire(): Promise<void> {
    const { clock, store: { requests } } = this.#options;
    for (const request of await requests.overdue(clock.now())) {
      const after = inWords(request.deadline - request.askedAt);
      const words = request.state === "queued"
        ? `the agent was not online in the ${after} that it had`
        : `the agent did not answer in the ${after} that it had`;
      await this.#end(request, { state: "expired", code: "request.expired", words }, "platform");
    }
    await this.#armTimer();
  }

  async #armTimer(): Promise<void> {
    const { clock, log, store: { requests } } = this.#options;
    const deadline = await requests.nextDeadline();
    this.#cancelTimer();
    if (deadline === undefined || this.#isOver) return;
    const delay = Math.min(LATER_MS, Math.max(0, deadline - clock.now()));
    this.#cancelTimer = clock.after(delay, () => {
      this.#expire().catch((error) => log.error("requests could not be ended", { reason: String(error) }));
    });
  }

  async #audit(
    who: string,
    action: string,
    { id, channel, agentName, words }: Pick<RequestRecord, "id" | "channel" | "agentName" | "words">,
  ): Promise<void> {
    const subject = `${id} ${channel} of ${agentName}${words ? `: ${words}` : ""}`;
    await this.#options.store.tokens.audit({
      at: this.#options.clock.now(),
      who,
      action: `request.${action}`,
      subject,
    });
  }

  #tell({ id, agent, agentName, channel, requester, state, code, words }: RequestRecord): void {
    const reason = words === null ? {} : { reason: words };
    this.#options.events.emit("request", {
      id,
      agent,
      agentName,
      channel,
      requester,
      state,
      ...(code === null ? {} : { code }),
      ...reason,
    });
    this.#changed(id);
  }

  #changed(id: string): void {
    this.#changes.get(id)?.resolve();
    this.#changes.delete(id);
  }
}

function invalid(channel: AnswerClass, why: string): SallyportError {
  return new SallyportError("platform.protocol", `${CUSTOM[channel]}: ${why}`);
}
