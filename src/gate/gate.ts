import { create } from "@bufbuild/protobuf";
import type { AgentToServer, CustomMessage } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import type { PayloadClass } from "./policy/options.ts";
import type { Policy } from "./policy/policy.ts";
import { RECORD_CLASSES } from "./record_classes.ts";
import { isSameMessage, isStatus, partsOf, shapeStatus } from "./status.ts";
import type { Circumstances, Verdict } from "./verdict.ts";

/** To which class the records of a custom message belong. */
const recordsOf = (message: CustomMessage | undefined) =>
  RECORD_CLASSES.find((kind) => kind.capability === message?.capability);

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
  const kind = recordsOf(customMessage);
  if (!kind) return { verdict: "drop", reason: `the capability ${capability} belongs to no class` };
  if (parts.length > 1) return { verdict: "drop", reason: "a custom message travels with nothing beside it" };
  if (policy.halted !== undefined) return { verdict: "hold", reason: policy.halted };
  const refusal = kind.refusal(policy, circumstances.now);
  if (refusal !== undefined) return { verdict: "drop", reason: refusal };
  if (data.length > bytesLeft(kind.class, policy, circumstances)) {
    return { verdict: "hold", reason: overBudget(kind.class, policy) };
  }
  const alone = { instanceUid, sequenceNum, capabilities, customMessage: { capability, type, data } };
  return { verdict: "allow", payload: create(AgentToServerSchema, alone) };
}

/** The class under which the ledger lists a message. */
export function classOf(message: AgentToServer): PayloadClass {
  return recordsOf(message.customMessage)?.class ?? "status";
}
