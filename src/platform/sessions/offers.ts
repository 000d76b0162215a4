import type { MessageInitShape } from "@bufbuild/protobuf";
import { sha256 } from "../../base/digest.ts";
import { AGENT_CAPABILITY } from "../../protocol/capabilities.ts";
import type { AgentToServer, ServerToAgentSchema } from "../../protocol/generated/opamp_pb.ts";
import type { Report } from "../store/agents.ts";
import type { Rollout } from "./rollout.ts";

type Outgoing = MessageInitShape<typeof ServerToAgentSchema>;

/** The interval of OpAMP agents that take no offer of another one. */
const DEFAULT_HEARTBEAT_SECONDS = 30;

/** What one session has offered to its agent, so that the same is not offered again and again. */
export class Offers {
  readonly #uid: string;
  readonly #rollout: Rollout;
  readonly #heartbeatSeconds: number;
  readonly #isPolled: boolean;
  #capabilities = 0n;
  #reportedHash = "";
  #offeredHash: string | undefined;
  #heartbeatIsKnown = false;

  constructor(
    uid: string,
    rollout: Rollout,
    { heartbeatSeconds, isPolled }: { heartbeatSeconds: number; isPolled: boolean },
  ) {
    this.#uid = uid;
    this.#rollout = rollout;
    this.#heartbeatSeconds = heartbeatSeconds;
    this.#isPolled = isPolled;
  }

  /** Begins with the config hash that the agent reported in its last session. */
  resume(reportedHash: string): void {
    this.#reportedHash = reportedHash;
  }

  /** Learns from a message what the agent can take, and what it has. */
  learn({ capabilities, connectionSettingsStatus }: AgentToServer, { config }: Partial<Report>): void {
    this.#capabilities = capabilities;
    if (config) {
      this.#reportedHash = config.hash;
      // While it applies what was offered, offering again would only make it begin again.
      if (config.status !== "applying") this.#offeredHash = undefined;
    }
    if (!connectionSettingsStatus) return;
    const known = connectionSettingsStatus.lastConnectionSettingsHash.toHex();
    if (known === this.#heartbeatHash().toHex()) this.#heartbeatIsKnown = true;
  }

  /** How long the agent may be silent between two heartbeats, in seconds; undefined when it sends none. */
  get heartbeatSeconds(): number | undefined {
    // Polls come by themselves, whatever an agent says of heartbeats.
    if (!this.#isPolled && !this.#can(AGENT_CAPABILITY.reportsHeartbeat)) return undefined;
    if (this.#can(AGENT_CAPABILITY.acceptsOpampConnectionSettings)) return this.#heartbeatSeconds;
    return Math.max(DEFAULT_HEARTBEAT_SECONDS, this.#heartbeatSeconds);
  }

  /** The processes that the agent should run, when it has others; nothing to an agent that takes none. */
  async config(): Promise<Pick<Outgoing, "remoteConfig">> {
    if (!this.#can(AGENT_CAPABILITY.acceptsRemoteConfig)) return {};
    const wanted = await this.#rollout.wantedHash(this.#uid);
    if (wanted === this.#reportedHash || wanted === this.#offeredHash) return {};
    const { hash, isEmpty, config } = await this.#rollout.offer(this.#uid);
    // An agent that never had a config of ours has nothing to take away.
    if (isEmpty && this.#reportedHash === "" && this.#offeredHash === undefined) return {};
    this.#offeredHash = hash;
    return { remoteConfig: config };
  }

  /** The interval of heartbeats, once to an agent that does not know it yet. */
  heartbeat(): Pick<Outgoing, "connectionSettings"> {
    if (this.#heartbeatIsKnown || !this.#can(AGENT_CAPABILITY.acceptsOpampConnectionSettings)) return {};
    this.#heartbeatIsKnown = true;
    const opamp = { heartbeatIntervalSeconds: BigInt(this.#heartbeatSeconds) };
    return { connectionSettings: { hash: this.#heartbeatHash(), opamp } };
  }

  #can(capability: bigint): boolean {
    return (this.#capabilities & capability) !== 0n;
  }

  #heartbeatHash(): Uint8Array<ArrayBuffer> {
    return sha256(`heartbeat_interval_seconds=${this.#heartbeatSeconds}`);
  }
}
