import type { AnswerClass } from "../protocol/answers.ts";
import { ANSWER_CLASSES, answerClassOf } from "../protocol/answers.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { Credit, Request } from "../protocol/payloads/requests.ts";
import { cancelSchema, creditSchema, requestSchema, settledSchema } from "../protocol/payloads/requests.ts";
import type { Channel } from "./channel.ts";

export interface RequestsChannelOptions {
  onRequest(payloadClass: AnswerClass, request: Request): void;
  onCredit(payloadClass: AnswerClass, credit: Credit): void;
  onCancel(payloadClass: AnswerClass, id: string, reason: string): void;
  onSettled(payloadClass: AnswerClass, id: string): void;
  /** How many requests wait for somebody here to approve them. */
  waiting(): number;
}

/** Requests: what people at the platform ask for, each class by a capability of its own. */
export function requestsChannel(options: RequestsChannelOptions): Channel {
  return {
    name: "requests",
    bits: 0n,
    custom: ANSWER_CLASSES.map((name) => CUSTOM[name]),
    conditions() {
      const waiting = options.waiting();
      if (waiting === 0) return [];
      const reason = waiting === 1
        ? "one request waits for approval"
        : `${waiting} requests wait for approval`;
      return [{ code: "requests.waiting", reason }];
    },
    receive({ customMessage: message }) {
      const payloadClass = message && answerClassOf(message.capability);
      if (!payloadClass) return;
      switch (message.type) {
        case "request":
          return options.onRequest(payloadClass, readJsonMessage(message, requestSchema));
        case "credit":
          return options.onCredit(payloadClass, readJsonMessage(message, creditSchema));
        case "settled":
          return options.onSettled(payloadClass, readJsonMessage(message, settledSchema).id);
        case "cancel": {
          const { id, reason } = readJsonMessage(message, cancelSchema);
          return options.onCancel(payloadClass, id, reason);
        }
      }
    },
  };
}
