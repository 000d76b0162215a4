import { CUSTOM } from "../protocol/capabilities.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { TrackingAck } from "../protocol/payloads/tracking.ts";
import { trackingAckSchema } from "../protocol/payloads/tracking.ts";
import type { Channel } from "./channel.ts";

/** Tracking: the platform's acknowledgements go to the pump, which sent the batches. */
export function trackingChannel(onAck: (ack: TrackingAck) => void): Channel {
  return {
    name: "tracking",
    bits: 0n,
    custom: [CUSTOM.tracking],
    receive({ customMessage }) {
      if (customMessage?.capability !== CUSTOM.tracking || customMessage.type !== "ack") return;
      onAck(readJsonMessage(customMessage, trackingAckSchema));
    },
  };
}
