import type { MessageInitShape } from "@bufbuild/protobuf";
import { utf8 } from "../../base/encoding.ts";
import type { AgentRemoteConfigSchema } from "../../protocol/generated/opamp_pb.ts";
import type { Events } from "../events.ts";
import type { AgentRecord } from "../store/agents.ts";
import type { Store } from "../store/store.ts";
import { configHash } from "./config_hash.ts";
import type { ProcessState } from "./process_states.ts";
import { processStates } from "./process_states.ts";

/** What an agent should run, as OpAMP's remote config. */
export interface Offer {
  hash: string;
  isEmpty: boolean;
  config: MessageInitShape<typeof AgentRemoteConfigSchema>;
}

/** What every agent should run, and what each of them made of it. */
export class Rollout {
  readonly #store: Store;
  readonly #events: Events;
  /** Wanted hashes by agent, until something is published. */
  #hashes = new Map<string, string>();
  /** The states last told, by agent and process. */
  readonly #told = new Map<string, Map<string, string>>();

  constructor(store: Store, events: Events) {
    this.#store = store;
    this.#events = events;
  }

  /** Something was published or removed: what was known of the wanted is void. */
  changed(): void {
    this.#hashes = new Map();
  }

  /** The hash of what an agent should run. */
  async wantedHash(uid: string): Promise<string> {
    const known = this.#hashes.get(uid);
    if (known !== undefined) return known;
    const hashes = this.#hashes; // a publication meanwhile puts a new map in place, and this answer is void
    const hash = configHash(await this.#store.processes.wantedBy(uid));
    hashes.set(uid, hash);
    return hash;
  }

  /** What an agent should run as OpAMP's remote config. */
  async offer(uid: string): Promise<Offer> {
    const wanted = await this.#store.processes.wantedBy(uid);
    const hash = configHash(wanted);
    const configMap = Object.fromEntries(
      wanted.map(({ name, definition }) => [name, { body: utf8(definition), contentType: "text/yaml" }]),
    );
    const isEmpty = wanted.length === 0;
    return { hash, isEmpty, config: { config: { configMap }, configHash: Uint8Array.fromHex(hash) } };
  }

  /** The state of every process on one agent. */
  async statesOn(agent: AgentRecord): Promise<ProcessState[]> {
    return processStates(agent, await this.#store.processes.wantedBy(agent.uid));
  }

  /** Tells which processes changed their state on an agent since it was last told. */
  async tell(uid: string): Promise<void> {
    const agent = await this.#store.agents.get(uid);
    if (!agent) return;
    const states = await this.statesOn(agent);
    const before = this.#told.get(uid) ?? new Map<string, string>();
    const now = new Map(states.map((state) => [state.process, JSON.stringify(state)]));
    this.#told.set(uid, now);
    for (const state of states) {
      if (before.get(state.process) === now.get(state.process)) continue;
      this.#events.emit("process", { ...state, agent: uid });
    }
    for (const process of before.keys()) {
      if (!now.has(process)) this.#events.emit("process", { process, agent: uid, state: "removed" });
    }
  }
}
