import { CUSTOM } from "../protocol/capabilities.ts";
import type { AnswerOptions } from "./answers.ts";
import { takeAnswer } from "./answers.ts";
import type { Channel, ChannelCondition } from "./channel.ts";

export interface TrackingChannelOptions extends AnswerOptions {
  /** Whether the platform has not acknowledged what was sent, and not in time. */
  isUnacknowledged(): boolean;
  /** How many records could not be read and were set aside. */
  quarantined(): number;
}

/** Tracking: what the platform says of the records goes to the pump, which sent them. */
export function trackingChannel(options: TrackingChannelOptions): Channel {
  return {
    name: "tracking",
    bits: 0n,
    custom: [CUSTOM.tracking],
    conditions: () => conditionsOf(options),
    receive: (message) => takeAnswer(CUSTOM.tracking, message, options),
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
