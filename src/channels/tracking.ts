import { CUSTOM } from "../protocol/capabilities.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { TrackingAck } from "../protocol/payloads/tracking.ts";
import { trackingAckSchema } from "../protocol/payloads/tracking.ts";
import type { Channel, ChannelCondition } from "./channel.ts";

export interface TrackingChannelOptions {
  /** The platform has stored a batch. */
  acknowledged(ack: TrackingAck): void;
  /** It has stored only the part up to `through`: another spool has used the numbers behind it. */
  conflicted(ack: TrackingAck): void;
  /** Whether the platform has not acknowledged what was sent, and not in time. */
  isUnacknowledged(): boolean;
  /** How many records could not be read and were set aside. */
  quarantined(): number;
}

/** Tracking: the platform's answers go to the pump, which sent the batches. */
export function trackingChannel(options: TrackingChannelOptions): Channel {
  return {
    name: "tracking",
    bits: 0n,
    custom: [CUSTOM.tracking],
    conditions: () => conditionsOf(options),
    receive({ customMessage }) {
      if (customMessage?.capability !== CUSTOM.tracking) return;
      const { type } = customMessage;
      if (type !== "ack" && type !== "conflict") return;
      const ack = readJsonMessage(customMessage, trackingAckSchema);
      if (type === "ack") options.acknowledged(ack);
      else options.conflicted(ack);
    },
  };
}

function conditionsOf({ isUnacknowledged, quarantined }: TrackingChannelOptions): ChannelCondition[] {
  const conditions: ChannelCondition[] = [];
  if (isUnacknowledged()) {
    const reason = "the platform has not acknowledged the records that were sent to it";
    conditions.push({ code: "tracking.unacknowledged", reason });
  }
  const count = quarantined();
  if (count > 0) {
    conditions.push({
      code: "spool.quarantined",
      reason: `${count} spooled ${count === 1 ? "record" : "records"} cannot be read`,
    });
  }
  return conditions;
}
