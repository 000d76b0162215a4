import type { Clock } from "../base/clock.ts";
import { isoTime } from "../base/clock.ts";
import type { AnswerClass } from "../protocol/answers.ts";
import type { GapReason } from "../protocol/payloads/stream.ts";
import type { RunOutcome } from "../protocol/payloads/tracking.ts";
import type { ReportedCondition } from "./sessions/conditions.ts";
import type { PresenceReason, PresenceState } from "./sessions/presence.ts";
import type { RequestState } from "./store/requests.ts";

/** What the platform tells whoever watches, by type of event. */
export interface EventPayloads {
  agent: { id: string; name: string; state: PresenceState; reason?: PresenceReason };
  /** What an agent says is wrong with it has changed. */
  health: { id: string; name: string; conditions: ReportedCondition[] };
  /** Agents that live with one identity; the reason says how many, and from where they come. */
  clones: { id: string; name: string; state: "found" | "gone"; reason?: string };
  /** An agent whose certificate expired: it waits for approval, or an operator has approved. */
  recovery: { id: string; name: string; state: "waiting" | "approved"; reason?: string };
  /** An operator asked for a new key of an agent, or its certificate has been used for the first time. */
  "key-rotation": { id: string; name: string; state: "requested" | "done" };
  process: { process: string; agent: string; state: string; version?: number; reason?: string };
  published: { process: string; version?: number };
  run: {
    id: string;
    agent: string;
    agentName: string;
    process: string;
    kind: "run-started" | "run-finished";
    /** Once it has ended. */
    outcome?: RunOutcome;
    reason?: string;
  };
  /** Something was asked of an agent, or a request has come further. */
  request: {
    id: string;
    agent: string;
    agentName: string;
    channel: AnswerClass;
    requester: string;
    state: RequestState;
    code?: string;
    reason?: string;
  };
  gap: { agent: string; agentName: string; class: string; reason: GapReason; records: number };
}

export type EventType = keyof EventPayloads;

export type PlatformEvent = {
  [T in EventType]: { id: string; type: T; at: string; data: EventPayloads[T] };
}[EventType];

/** Events that are kept for those who come back. */
const KEPT = 1_000;

/** What happened after an event; `complete` is false when some of it is not kept any more. */
export interface Replay {
  complete: boolean;
  events: PlatformEvent[];
}

/**
 * Hands events to those who watch right now, and keeps the last ones in memory for those who come back. An id
 * is the start of the platform and a number: after a restart nobody knows what an older one missed.
 */
export class Events {
  readonly #watchers = new Set<(event: PlatformEvent) => void>();
  readonly #clock: Clock;
  readonly #epoch: string;
  /** The event with the number n stands at (n - 1) % KEPT. */
  readonly #kept: PlatformEvent[] = [];
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epoch = clock.now().toString(36);
  }

  /** Tells everybody who watches. */
  emit<T extends EventType>(type: T, data: EventPayloads[T]): void {
    const number = ++this.#last;
    const id = `${this.#epoch}-${number}`;
    const event = { id, type, at: isoTime(this.#clock.now()), data } as PlatformEvent;
    this.#kept[(number - 1) % KEPT] = event;
    for (const watcher of [...this.#watchers]) watcher(event);
  }

  /** Calls `watcher` for every event from now on; the returned function ends that. */
  watch(watcher: (event: PlatformEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** What happened after the event with this id. */
  since(id: string): Replay {
    const [epoch, digits = ""] = id.split("-");
    const number = /^[0-9]{1,15}$/.test(digits) ? Number(digits) : NaN;
    const known = epoch === this.#epoch && number <= this.#last;
    const oldest = Math.max(1, this.#last - KEPT + 1);
    const from = known ? Math.max(number + 1, oldest) : oldest;
    const events = Array.from(
      { length: this.#last - from + 1 },
      (_, i) => this.#kept[(from - 1 + i) % KEPT]!,
    );
    return { complete: known && number + 1 >= oldest, events };
  }
}
