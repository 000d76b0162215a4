import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ComponentHealthSchema, ServerToAgent } from "../protocol/generated/opamp_pb.ts";
import type { Condition } from "../protocol/conditions.ts";
import type { MessageParts } from "../uplink/uplink.ts";

/** The health of one component, as OpAMP has it. */
export type ComponentHealthInit = MessageInitShape<typeof ComponentHealthSchema>;

/** A condition whose component is the channel's own, unless it names one that the channel brings. */
export type ChannelCondition = Omit<Condition, "component"> & { component?: string };

/**
 * One kind of thing that agent and platform tell each other. A channel keeps no connection: it says what the
 * platform should know, and is told what the platform says.
 */
export interface Channel {
  readonly name: string;
  /** OpAMP capability bits that this channel stands for. */
  readonly bits: bigint;
  /** Custom capabilities that it speaks. */
  readonly custom: readonly string[];
  /** The parts of the agent's state that this channel tells; sent when the connection begins, and on change. */
  state?(): MessageParts;
  /** What is wrong at this moment, in this channel's component of the agent's health unless another is named. */
  conditions?(): ChannelCondition[];
  /** Further components of the agent's health by name, as they are when nothing is wrong with them. */
  components?(): Record<string, ComponentHealthInit>;
  /** Takes what concerns it from a message of the platform. */
  receive?(message: ServerToAgent): void;
}
