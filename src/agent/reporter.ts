import { create, toBinary } from "@bufbuild/protobuf";
import type { Channel } from "../channels/channel.ts";
import { sha256Hex } from "../base/digest.ts";
import type { AgentToServer } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import type { MessageParts } from "../uplink/uplink.ts";

/**
 * Collects what the channels want the platform to know, and finds what has changed since it was told. State is
 * told in whole fields, and a field that did not change is not sent again (OpAMP, "Agent Status Compression").
 */
export class Reporter {
  readonly #channels: readonly Channel[];
  readonly #shape: (message: AgentToServer) => AgentToServer;
  /** The digest of each field as it was told last on this connection. */
  #told = new Map<string, string>();

  /** `shape` gives a message the form in which it would leave now: what has not changed in it is not told again. */
  constructor(channels: readonly Channel[], shape: (message: AgentToServer) => AgentToServer) {
    this.#channels = channels;
    this.#shape = shape;
  }

  /** OpAMP capability bits of all channels together. */
  get capabilities(): bigint {
    return this.#channels.reduce((bits, channel) => bits | channel.bits, 0n);
  }

  /** Everything; from now on all of it counts as told. */
  everything(): MessageParts {
    this.forget();
    const custom = this.#channels.flatMap((channel) => channel.custom);
    return {
      ...this.changes(),
      customCapabilities: { capabilities: custom },
    };
  }

  /** What was told last did not leave: all of it is told again with the next change. */
  forget(): void {
    this.#told = new Map();
  }

  /** The fields that changed since they were told, or undefined; from now on they count as told. */
  changes(): MessageParts | undefined {
    const state: MessageParts = Object.assign(
      {},
      ...this.#channels.map((channel) => channel.state?.() ?? {}),
    );
    const shaped = this.#shape(create(AgentToServerSchema, state));
    const changed: [string, unknown][] = [];
    for (const [field, value] of Object.entries(state)) {
      const told = shaped[field as keyof AgentToServer];
      if (told === undefined) continue; // nothing of it may leave
      const digest = sha256Hex(toBinary(AgentToServerSchema, create(AgentToServerSchema, { [field]: told })));
      if (this.#told.get(field) === digest) continue;
      this.#told.set(field, digest);
      changed.push([field, value]);
    }
    if (changed.length === 0) return undefined;
    return { ...Object.fromEntries(changed) };
  }
}
