import type { Clock } from "../../base/clock.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import type { Events } from "../events.ts";
import type { Departures } from "./departures.ts";
import type { OfflineReason, Presence } from "./presence.ts";
import type { Transport } from "./wire.ts";

/** What the fleet needs of a live session. */
export interface LiveSession {
  readonly uid: string;
  readonly name: string;
  readonly transport: Transport;
  /** Ends the session because another one took over. */
  supersede(): void;
  /** Ends the session because the agent was revoked. */
  revoke(): void;
  /** Ends the session because the platform stops. */
  goAway(): Promise<void>;
  /** Offers what the agent should run, if it does not run that already. */
  pushConfig(): Promise<void>;
  /** Whether the agent knows messages of a custom capability. */
  speaks(capability: string): boolean;
  /** Sends a custom message. */
  tell(message: CustomMessageInit): void;
  /** Asks for a new key, if an operator wants one and the agent understands that. */
  pushRotation(): Promise<void>;
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
 * online until they connect, whatever a database may say. Only why somebody left before outlives a restart.
 */
export class Fleet {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #presence = new Map<string, Presence>();
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #departures: Departures;
  readonly #startedAt: number;
  #suspects = 0;
  #isEnding = false;

  constructor(clock: Clock, events: Events, departures: Departures) {
    this.#clock = clock;
    this.#events = events;
    this.#departures = departures;
    this.#startedAt = clock.now();
  }

  /** The presence of an agent. */
  presenceOf({ uid, enrolledAt, lastSeen, revokedAt }: Remembered): Presence {
    const known = this.#presence.get(uid);
    if (known) return known;
    if (revokedAt !== undefined) return { state: "offline", reason: "revoked", since: revokedAt, lastSeen };
    if (lastSeen === undefined) {
      return { state: "offline", reason: "not connected yet", since: enrolledAt, lastSeen };
    }
    const departure = this.#departures.get(uid);
    // An agent that was seen after it left last was there when the platform ended.
    return departure && departure.at >= lastSeen
      ? { state: "offline", reason: departure.reason, since: departure.at, lastSeen }
      : { state: "offline", reason: "platform restarted", since: this.#startedAt, lastSeen };
  }

  /** How many agents are connected, without and with a heartbeat that is overdue. */
  counts(): { online: number; suspect: number } {
    return { online: this.#sessions.size - this.#suspects, suspect: this.#suspects };
  }

  /** The live session of an agent. */
  session(uid: string): LiveSession | undefined {
    return this.#sessions.get(uid);
  }

  /** All live sessions. */
  sessions(): LiveSession[] {
    return [...this.#sessions.values()];
  }

  /** The platform stops: every session is told, also those that begin meanwhile. */
  async end(): Promise<void> {
    this.#isEnding = true;
    while (this.#sessions.size > 0) await Promise.all(this.sessions().map((session) => session.goAway()));
  }

  /** A new agent is there, though not connected yet. */
  enrolled(uid: string, name: string): void {
    const since = this.#clock.now();
    this.#set({ uid, name }, { state: "offline", reason: "not connected yet", since, lastSeen: undefined });
  }

  /** A session begins; an older one of the same agent ends. False when the agent was online all the time. */
  attach(session: LiveSession): boolean {
    const older = this.#sessions.get(session.uid);
    this.#sessions.set(session.uid, session);
    older?.supersede();
    const now = this.#clock.now();
    return this.#set(session, { state: "online", since: now, lastSeen: now });
  }

  /**
   * An agent came with a certificate that expired at `notAfter`, and may not come in. False when that is no news:
   * it waits already, or another connection of it stands.
   */
  knocked(agent: { uid: string; name: string; lastSeen: number | undefined }, notAfter: number): boolean {
    const known = this.#presence.get(agent.uid);
    if (this.#sessions.has(agent.uid) || known?.reason === "revoked") return false;
    const now = this.#clock.now();
    const lastSeen = known?.lastSeen ?? agent.lastSeen;
    const reason = "certificate expired";
    this.#set(agent, { state: "offline", reason, since: now, lastSeen, knock: { at: now, notAfter } });
    if (known?.state === "offline" && known.knock) return false;
    this.#departures.left(agent.uid, { reason, at: now });
    return true;
  }

  /** A message came in. */
  seen(session: LiveSession): void {
    const presence = this.#presence.get(session.uid);
    if (this.#sessions.get(session.uid) !== session || !presence) return;
    const now = this.#clock.now();
    if (presence.state === "suspect") this.#set(session, { state: "online", since: now, lastSeen: now });
    else presence.lastSeen = now;
  }

  /** A heartbeat is overdue. */
  suspect(session: LiveSession): void {
    const presence = this.#presence.get(session.uid);
    if (this.#sessions.get(session.uid) !== session || presence?.state !== "online") return;
    const since = this.#clock.now();
    this.#set(session, { ...presence, state: "suspect", reason: "heartbeat overdue", since });
  }

  /** A session ended. What an older, superseded one says does not count. */
  detach(session: LiveSession, ending: OfflineReason): void {
    if (this.#sessions.get(session.uid) !== session) return;
    const reason = this.#isEnding ? "platform restarted" : ending;
    this.#sessions.delete(session.uid);
    const lastSeen = this.#presence.get(session.uid)?.lastSeen;
    const since = this.#clock.now();
    this.#set(session, { state: "offline", reason, since, lastSeen });
    this.#departures.left(session.uid, { reason, at: since });
  }

  /** An agent was revoked: its session ends, and it counts as revoked from now on. */
  revoke(agent: { uid: string; name: string; lastSeen: number | undefined }): void {
    const session = this.#sessions.get(agent.uid);
    this.#sessions.delete(agent.uid);
    session?.revoke();
    const lastSeen = this.#presence.get(agent.uid)?.lastSeen ?? agent.lastSeen;
    this.#set(agent, { state: "offline", reason: "revoked", since: this.#clock.now(), lastSeen });
  }

  /** Keeps a presence, and tells those who watch if it is new to them, which it returns. */
  #set({ uid, name }: { uid: string; name: string }, presence: Presence): boolean {
    const before = this.#presence.get(uid);
    if (before?.state === "suspect") this.#suspects--;
    if (presence.state === "suspect") this.#suspects++;
    const { state, reason } = presence;
    const isNews = before?.state !== state || before.reason !== reason;
    this.#presence.set(uid, isNews ? presence : { ...presence, since: before.since });
    if (isNews) this.#events.emit("agent", { id: uid, name, state, ...(reason ? { reason } : {}) });
    return isNews;
  }
}
