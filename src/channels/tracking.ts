import { CUSTOM } from "../protocol/capabilities.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { TrackingAck } from "../protocol/payloads/tracking.ts";
import { trackingAckSchema } from "../protocol/payloads/tracking.ts";
import type { Channel } from "./channel.ts";

/** Who acts on what the platform says of a batch: the pump, which sent it. */
export interface TrackingListener {
  /** It is stored. */
  acknowledged(ack: TrackingAck): void;
  /** Only the part up to `through` is: another spool has used the numbers behind it. */
  conflicted(ack: TrackingAck): void;
}

/** Tracking: the platform's answers to batches of records. */
export function trackingChannel(listener: TrackingListener): Channel {
  return {
    name: "tracking",
    bits: 0n,
    custom: [CUSTOM.tracking],
    receive({ customMessage }) {
      if (customMessage?.capability !== CUSTOM.tracking) return;
      const { type } = customMessage;
      if (type !== "ack" && type !== "conflict") return;
      const ack = readJsonMessage(customMessage, trackingAckSchema);
      if (type === "ack") listener.acknowledged(ack);
      else listener.conflicted(ack);
    },
  };
}
