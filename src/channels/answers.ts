import type { ServerToAgent } from "../protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { Ack } from "../protocol/payloads/stream.ts";
import { ackSchema, creditSchema } from "../protocol/payloads/stream.ts";

/** Whoever sent the records, and goes by what the platform says of them. */
export interface AnswerOptions {
  /** Takes the platform's acknowledgements. */
  onAck(ack: Ack): void;
  /** Takes how many bytes the platform takes now. */
  onCredit(credit: number): void;
}

/** Takes what the platform says of the records of a capability. */
export function takeAnswer(
  capability: string,
  { customMessage }: ServerToAgent,
  { onAck, onCredit }: AnswerOptions,
): void {
  if (customMessage?.capability !== capability) return;
  if (customMessage.type === "ack") onAck(readJsonMessage(customMessage, ackSchema));
  if (customMessage.type === "credit") onCredit(readJsonMessage(customMessage, creditSchema).credit);
}
