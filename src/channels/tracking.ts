import { CUSTOM } from "../protocol/capabilities.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { TrackingAck } from "../protocol/payloads/tracking.ts";
import { trackingAckSchema, trackingCreditSchema } from "../protocol/payloads/tracking.ts";
import type { Channel } from "./channel.ts";

/** Tracking: what the platform says of the records goes to the pump, which sent them. */
export function trackingChannel(
  { onAck, onCredit }: { onAck(ack: TrackingAck): void; onCredit(credit: number): void },
): Channel {
  return {
    name: "tracking",
    bits: 0n,
    custom: [CUSTOM.tracking],
    receive({ customMessage }) {
      if (customMessage?.capability !== CUSTOM.tracking) return;
      if (customMessage.type === "ack") onAck(readJsonMessage(customMessage, trackingAckSchema));
      if (customMessage.type === "credit") {
        onCredit(readJsonMessage(customMessage, trackingCreditSchema).credit);
      }
    },
  };
}
