import type { Clock } from "../../base/clock.ts";
import type { Events } from "../events.ts";

/** Why an agent is not online. */
export const OFFLINE_REASONS = [
  "not connected yet",
  "platform restarted",
  "stopped",
  "connection lost",
  "heartbeats missing",
  "certificate expired",
  "protocol error",
  "revoked",
] as const;
export type OfflineReason = (typeof OFFLINE_REASONS)[number];

/** Whether an agent is connected, since when, and if not why. */
export type Presence =
  | { state: "online"; since: number; lastSeen: number; reason?: undefined }
  | { state: "offline"; since: number; lastSeen: number | undefined; reason: OfflineReason };

/** What the fleet needs of a live session. */
export interface LiveSession {
  readonly uid: string;
  readonly name: string;
  /** Ends the session because another one took over. */
  supersede(): void;
  /** Ends the session because the agent was revoked. */
  revoke(): void;
  /** Ends the session because the platform stops. */
  goAway(): Promise<void>;
  /** Offers what the agent should run, if it does not run that already. */
  pushConfig(): Promise<void>;
}

/** What a record of the store tells about an agent that never connected since the platform started. */
interface Remembered {
  uid: string;
  enrolledAt: number;
  lastSeen?: number | undefined;
  revokedAt?: number | undefined;
}

/**
 * Which agents are online. It is kept in memory only, on purpose: after a restart of the platform nobody is
 * online until they connect, whatever a database may say.
 */
export class Fleet {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #presence = new Map<string, Presence>();
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #startedAt: number;

  constructor(clock: Clock, events: Events) {
    this.#clock = clock;
    this.#events = events;
    this.#startedAt = clock.now();
  }

  /** The presence of an agent. */
  presenceOf({ uid, enrolledAt, lastSeen, revokedAt }: Remembered): Presence {
    const known = this.#presence.get(uid);
    if (known) return known;
    if (revokedAt !== undefined) return { state: "offline", reason: "revoked", since: revokedAt, lastSeen };
    return lastSeen === undefined
      ? { state: "offline", reason: "not connected yet", since: enrolledAt, lastSeen }
      : { state: "offline", reason: "platform restarted", since: this.#startedAt, lastSeen };
  }

  /** The live session of an agent. */
  session(uid: string): LiveSession | undefined {
    return this.#sessions.get(uid);
  }

  /** All live sessions. */
  sessions(): LiveSession[] {
    return [...this.#sessions.values()];
  }

  /** A new agent is there, though not connected yet. */
  enrolled(uid: string, name: string): void {
    const since = this.#clock.now();
    this.#set({ uid, name }, { state: "offline", reason: "not connected yet", since, lastSeen: undefined });
  }

  /** A session begins; an older one of the same agent ends. */
  attach(session: LiveSession): void {
    const older = this.#sessions.get(session.uid);
    this.#sessions.set(session.uid, session);
    older?.supersede();
    const now = this.#clock.now();
    this.#set(session, { state: "online", since: now, lastSeen: now });
  }

  /** A message came in. */
  seen(session: LiveSession): void {
    const presence = this.#presence.get(session.uid);
    if (this.#sessions.get(session.uid) === session && presence) presence.lastSeen = this.#clock.now();
  }

  /** A session ended. What an older, superseded one says does not count. */
  detach(session: LiveSession, reason: OfflineReason): void {
    if (this.#sessions.get(session.uid) !== session) return;
    this.#sessions.delete(session.uid);
    const lastSeen = this.#presence.get(session.uid)?.lastSeen;
    this.#set(session, { state: "offline", reason, since: this.#clock.now(), lastSeen });
  }

  /** An agent was revoked: its session ends, and it counts as revoked from now on. */
  revoke(agent: { uid: string; name: string; lastSeen: number | undefined }): void {
    const session = this.#sessions.get(agent.uid);
    this.#sessions.delete(agent.uid);
    session?.revoke();
    const lastSeen = this.#presence.get(agent.uid)?.lastSeen ?? agent.lastSeen;
    this.#set(agent, { state: "offline", reason: "revoked", since: this.#clock.now(), lastSeen });
  }

  #set({ uid, name }: { uid: string; name: string }, presence: Presence): void {
    this.#presence.set(uid, presence);
    const { state, reason } = presence;
    this.#events.emit("agent", { id: uid, name, state, ...(reason ? { reason } : {}) });
  }
}
