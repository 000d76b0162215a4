import type { Clock } from "../base/clock.ts";
import { isoTime } from "../base/clock.ts";

/** What the platform tells whoever watches, by type of event. */
export interface EventPayloads {
  agent: { id: string; name: string; state: "online" | "offline"; reason?: string };
  process: { process: string; agent: string; state: string; version?: number; reason?: string };
  published: { process: string; version?: number };
  run: { id: string; agent: string; kind: "run-started" | "run-finished" };
}

export type EventType = keyof EventPayloads;

export type PlatformEvent = {
  [T in EventType]: { type: T; at: string; data: EventPayloads[T] };
}[EventType];

/** Hands events to those who watch right now; nothing is kept. */
export class Events {
  readonly #watchers = new Set<(event: PlatformEvent) => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Tells everybody who watches. */
  emit<T extends EventType>(type: T, data: EventPayloads[T]): void {
    const event = { type, at: isoTime(this.#clock.now()), data } as PlatformEvent;
    for (const watcher of [...this.#watchers]) watcher(event);
  }

  /** Calls `watcher` for every event from now on; the returned function ends that. */
  watch(watcher: (event: PlatformEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
