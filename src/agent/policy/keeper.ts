import { sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { fingerprintOf } from "../../base/files.ts";
import type { Policy } from "../../gate/policy/policy.ts";
import { haltedPolicy } from "../../gate/policy/policy.ts";
import type { AgentContext } from "../home.ts";
import type { LoadedPolicy, PolicyPlace } from "./policy_file.ts";
import { HOME_POLICY, loadPolicy } from "./policy_file.ts";

/** How often the file is looked at while nothing is sent: one call to the operating system. */
const LOOK_MS = 2_000;
/** A file that changed is read when it has been left alone for this long: nobody saves a file in no time. */
const SETTLE_MS = 100;

const READING = haltedPolicy("the policy has changed and is being read");

/**
 * Keeps the policy in force. It looks at the file before every payload, so a change counts from the next one on:
 * from the moment in which it is seen until it is read, nothing leaves under the old one.
 */
export class PolicyKeeper {
  readonly #context: AgentContext;
  readonly #place: PolicyPlace;
  readonly #onChange: (loaded: LoadedPolicy) => void;
  #loaded: LoadedPolicy;
  /** The file as it was when it was loaded. */
  #identity: string;
  #reading: Promise<void> | undefined;
  #stopped = false;

  private constructor(
    context: AgentContext,
    place: PolicyPlace,
    first: { loaded: LoadedPolicy; identity: string },
    onChange: (loaded: LoadedPolicy) => void,
  ) {
    this.#context = context;
    this.#place = place;
    this.#loaded = first.loaded;
    this.#identity = first.identity;
    this.#onChange = onChange;
  }

  /** Loads the policy. `onChange` is told of every other one that comes into force later. */
  static async open(
    context: AgentContext,
    onChange: (loaded: LoadedPolicy) => void,
    place = HOME_POLICY,
  ): Promise<PolicyKeeper> {
    const identity = fingerprintOf(place.file);
    const loaded = await loadPolicy(context.clock.now(), place);
    return new PolicyKeeper(context, place, { loaded, identity }, onChange);
  }

  /** What was loaded last. */
  get loaded(): LoadedPolicy {
    return this.#loaded;
  }

  /** Whether the file has changed and the new policy is not known yet: in a moment it will be. */
  get isReading(): boolean {
    this.#look();
    return this.#reading !== undefined;
  }

  /** The policy for what leaves at this moment. */
  get current(): Policy {
    return this.isReading ? READING : this.#loaded.policy;
  }

  /** Looks again and again, also while nothing is sent, until `signal` aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#context.clock, LOOK_MS, signal);
      this.#look();
    }
    this.#stopped = true;
    await this.#reading;
  }

  #look(): void {
    if (this.#reading || fingerprintOf(this.#place.file) === this.#identity) return;
    this.#reading = this.#read().finally(() => this.#reading = undefined)
      .then(() => this.#onChange(this.#loaded))
      .catch((error) => this.#context.log.error("a policy was not taken over", { reason: messageOf(error) }));
  }

  async #read(): Promise<void> {
    const { clock } = this.#context;
    const look = () => fingerprintOf(this.#place.file);
    for (let seen: string | undefined, now = look(); seen !== now && !this.#stopped;) {
      seen = now;
      await sleep(clock, SETTLE_MS);
      now = look();
      if (seen !== now) continue;
      this.#loaded = await loadPolicy(clock.now(), this.#place);
      this.#identity = now;
      now = look();
    }
  }
}
