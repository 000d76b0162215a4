import { create } from "@bufbuild/protobuf";
import { MAX_ERROR_CHARS } from "../base/limits.ts";
import { answerClassOf } from "../protocol/answers.ts";
import type { AgentToServer, CustomMessage } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import { ENDINGS, NOTICES } from "../protocol/payloads/requests.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import type { PayloadClass } from "./policy/options.ts";
import type { Policy } from "./policy/policy.ts";
import { whyDenied } from "./policy/policy.ts";
import { RECORD_CLASSES } from "./record_classes.ts";
import { isSameMessage, isStatus, partsOf, shapeStatus } from "./status.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** To which class a custom message belongs, and why nothing of that leaves, whatever it says. */
function kindOf(
  { capability }: CustomMessage,
): { class: PayloadClass; refusal(policy: Policy, now: number): string | undefined } | undefined {
  const records = RECORD_CLASSES.find((kind) => kind.capability === capability);
  if (records) return records;
  const asked = answerClassOf(capability);
  return asked && { class: asked, refusal: (policy) => whyDenied(asked, policy) };
}

const WORDS = [...NOTICES, ...ENDINGS].map(String);
/** What they may have: the longest reason, each of its characters escaped. */
const MAX_WORDS_BYTES = 6 * MAX_ERROR_CHARS + 512;

/** Words about a request carry nothing that was asked for: they tell that the owner denies the rest. */
function isWords({ capability, type, data }: CustomMessage): boolean {
  return answerClassOf(capability) !== undefined && WORDS.includes(type) && data.length <= MAX_WORDS_BYTES;
}

/**
 * Decides on a whole message, the last look before the ledger. Every part must belong to a class; a custom message
 * travels alone, and what it carries was judged record by record. Pure: the same message, policy and circumstances
 * give the same verdict.
 */
export function judgeMessage(
  message: AgentToServer,
  policy: Policy,
  circumstances: Circumstances,
): Verdict<AgentToServer> {
  const parts = partsOf(message);
  const stranger = parts.find((part) => part !== "customMessage" && !isStatus(part));
  if (stranger !== undefined) return { verdict: "drop", reason: `the field ${stranger} belongs to no class` };
  if (message.customMessage) return judgeCustom(message, parts, policy, circumstances);
  const payload = shapeStatus(message, policy, circumstances);
  if (parts.length > 0 && partsOf(payload).length === 0) {
    return { verdict: "drop", reason: `the policy lets nothing of it leave: ${parts.join(", ")}` };
  }
  return { verdict: isSameMessage(payload, message) ? "allow" : "shape", payload };
}

function judgeCustom(
  { instanceUid, sequenceNum, capabilities, customMessage }: AgentToServer,
  parts: readonly string[],
  policy: Policy,
  circumstances: Circumstances,
): Verdict<AgentToServer> {
  const { capability, type, data } = customMessage!;
  const kind = kindOf(customMessage!);
  if (!kind) return { verdict: "drop", reason: `the capability ${capability} belongs to no class` };
  if (parts.length > 1) return { verdict: "drop", reason: "a custom message travels with nothing beside it" };
  if (policy.halted !== undefined) return { verdict: "hold", reason: policy.halted };
  const mayAlways = isWords(customMessage!);
  const refusal = kind.refusal(policy, circumstances.now);
  if (refusal !== undefined && !mayAlways) return { verdict: "drop", reason: refusal };
  if (!mayAlways && data.length > bytesLeft(kind.class, policy, circumstances)) {
    return { verdict: "hold", reason: overBudget(kind.class, policy) };
  }
  const alone = { instanceUid, sequenceNum, capabilities, customMessage: { capability, type, data } };
  return { verdict: "allow", payload: create(AgentToServerSchema, alone) };
}

/** The class under which the ledger lists a message. */
export function classOf({ customMessage }: AgentToServer): PayloadClass {
  return (customMessage && kindOf(customMessage))?.class ?? "status";
}
