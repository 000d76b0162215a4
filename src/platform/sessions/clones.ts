import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { MAX_NAME_CHARS } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Attributes } from "../../protocol/attributes.ts";
import { START_ID } from "../../protocol/attributes.ts";
import type { Events } from "../events.ts";
import type { TokenStore } from "../store/tokens.ts";

/** Two agents that throw each other out come back within a minute or so: after this long only one is left. */
const ALONE_MS = 10 * 60_000;
/** The starts of one identity that are remembered; a copy that is restarted again and again makes many. */
const MAX_STARTS = 16;
/** What an agent says of itself that tells one machine from another. */
const FACTS = ["service.version", "host.name", "os.type", "host.arch", "process.runtime.version"];

/** Who finds clones in the audit's entries: nobody asked for it by a token. */
const WHO = "(platform)";

/** One start of an agent's program, as it was seen last. */
export interface Start {
  id: string;
  firstSeen: number;
  lastSeen: number;
  /** From where it connected. */
  address: string;
  facts: Attributes;
}

/** Several agents that live with one identity. */
export interface Clones {
  since: number;
  /** When one of them came back last. */
  lastSeen: number;
  /** The starts that were seen lately, the one in session last. */
  starts: Start[];
}

interface Identity {
  name: string;
  /** By id, in the order in which they came last. */
  starts: Map<string, Start>;
  /** `ids`: the starts that took turns; one that had ended before them is no clone. */
  found: { since: number; lastSeen: number; ids: Set<string>; cancel: () => void } | undefined;
}

/**
 * Finds homes that were copied and live twice. Each start of an agent has a random id, which a copy of its files
 * never shares. An agent that is restarted has another id and never the old one again; so an id that comes back
 * after another one means two agents that take turns, and each takes the other for a connection of its own.
 *
 * This is kept in memory only: after a restart of the platform they are found again when the first comes back.
 */
export class CloneWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: Events;
  readonly #audit: TokenStore;
  readonly #identities = new Map<string, Identity>();

  constructor({ clock, log, events, audit }: { clock: Clock; log: Log; events: Events; audit: TokenStore }) {
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
    this.#audit = audit;
  }

  /** An agent has described itself. One without a start id is not ours, and nothing can be told of it. */
  async seen(
    { uid, name, address }: { uid: string; name: string; address: string },
    attributes: Attributes,
  ): Promise<void> {
    const id = attributes[START_ID];
    if (!id || id.length > MAX_NAME_CHARS) return;
    const identity = this.#identities.get(uid) ?? { name, starts: new Map(), found: undefined };
    this.#identities.set(uid, identity);
    const { starts } = identity;
    const ids = [...starts.keys()];
    const turn = starts.has(id) ? ids.slice(ids.indexOf(id)) : []; // it, and who came after it
    const now = this.#clock.now();
    const facts = Object.fromEntries(
      FACTS.flatMap((key) => attributes[key] ? [[key, attributes[key].slice(0, MAX_NAME_CHARS)]] : []),
    );
    const firstSeen = starts.get(id)?.firstSeen ?? now;
    starts.delete(id);
    starts.set(id, { id, firstSeen, lastSeen: now, address, facts });
    for (const oldest of starts.keys()) {
      if (starts.size <= MAX_STARTS) break;
      starts.delete(oldest);
    }
    if (turn.length > 1) await this.#take(uid, identity, turn);
  }

  /** The clones of an agent, as long as there are any. */
  of(uid: string): Clones | undefined {
    const { found, starts } = this.#identities.get(uid) ?? {};
    if (!found || !starts) return undefined;
    const { since, lastSeen, ids } = found;
    const all = [...starts.values()].filter(({ id }) => ids.has(id));
    // The last two are who came back, and whom it came back after, which may have been in session for long.
    const lately = all.filter((start, i) => i >= all.length - 2 || start.lastSeen > lastSeen - ALONE_MS);
    return { since, lastSeen, starts: lately };
  }

  /** What is wrong with an identity that has clones, for those who read the log or the agent's status. */
  words(uid: string): string | undefined {
    const clones = this.of(uid);
    if (!clones) return undefined;
    const { starts } = clones;
    const addresses = [...new Set(starts.map(({ address }) => address))].join(", ");
    return `this home was copied: agents with one identity take turns, from ${addresses} ` +
      `(${starts.length} starts lately)`;
  }

  /** The identity is void, and its clones with it. */
  forget(uid: string): void {
    const identity = this.#identities.get(uid);
    if (identity?.found) this.#gone(uid, identity);
    this.#identities.delete(uid);
  }

  /** The platform ends. */
  stop(): void {
    for (const { found } of this.#identities.values()) found?.cancel();
  }

  async #take(uid: string, identity: Identity, turn: readonly string[]): Promise<void> {
    const now = this.#clock.now();
    const before = identity.found;
    before?.cancel();
    const cancel = this.#clock.after(ALONE_MS, () => this.#gone(uid, identity));
    const ids = new Set([...before?.ids ?? [], ...turn].filter((id) => identity.starts.has(id)));
    identity.found = { since: before?.since ?? now, lastSeen: now, ids, cancel };
    if (before) return;
    const { name } = identity;
    const reason = this.words(uid)!;
    this.#log.warn("found a cloned agent", { agent: uid, name, reason });
    this.#events.emit("clones", { id: uid, name, state: "found", reason });
    await this.#audit.audit({ at: now, who: WHO, action: "agent.clones-found", subject: uid });
  }

  #gone(uid: string, identity: Identity): void {
    const { name, found } = identity;
    found?.cancel();
    identity.found = undefined;
    this.#log.info("an agent has no clones any more", { agent: uid, name, since: isoTime(found!.since) });
    this.#events.emit("clones", { id: uid, name, state: "gone" });
  }
}
