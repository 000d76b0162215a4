import "../base/schema_messages.ts";
import type { AgentToServer } from "../protocol/generated/opamp_pb.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import type { TrackingRecord } from "../protocol/payloads/tracking.ts";
import { trackingRecordSchema } from "../protocol/payloads/tracking.ts";
import type { PayloadClass, Policy } from "./policy.ts";

/**
 * What the gate says of one thing that wants to leave: the thing in the form that may, or why it may not. `unfit`: not
 * because of the policy, but because it is not what its class carries.
 */
export type Verdict<T> = { verdict: "allow"; payload: T } | { verdict: "drop"; reason: string; unfit?: true };

/**
 * The fields of an OpAMP message that are status. A field that is not named here has no class and cannot leave,
 * so one that is added to the protocol later stays in until somebody decides on it.
 */
const STATUS_FIELDS: ReadonlySet<string> = new Set<keyof AgentToServer>([
  "instanceUid",
  "sequenceNum",
  "capabilities",
  "flags",
  "agentDescription",
  "health",
  "effectiveConfig",
  "remoteConfigStatus",
  "agentDisconnect",
  "connectionSettingsRequest",
  "connectionSettingsStatus",
  "customCapabilities",
]);

/** Which class a custom message belongs to. */
const CLASS_OF_CAPABILITY: Readonly<Record<string, PayloadClass>> = { [CUSTOM.tracking]: "tracking" };

/** Decides on one tracking record from the spool. Pure: the same record and policy give the same verdict. */
export function judgeTracking(record: unknown, policy: Policy): Verdict<TrackingRecord> {
  if (policy.classes.tracking !== "allow") {
    return { verdict: "drop", reason: "the policy denies the class tracking" };
  }
  const parsed = trackingRecordSchema.safeParse(record);
  if (parsed.success) return { verdict: "allow", payload: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    verdict: "drop",
    unfit: true,
    reason: `it does not fit its schema at "${issue?.path.join(".")}": ${issue?.message}`,
  };
}

/**
 * Decides on a whole message, the last look before the ledger: every field must belong to a class, and the
 * policy must allow that class.
 */
export function judgeMessage(message: AgentToServer, policy: Policy): Verdict<AgentToServer> {
  for (const [field, value] of Object.entries(message)) {
    if (field.startsWith("$") || value === undefined || field === "customMessage") continue;
    if (!STATUS_FIELDS.has(field)) {
      return { verdict: "drop", reason: `the field ${field} belongs to no class` };
    }
  }
  const classes: PayloadClass[] = ["status"];
  if (message.customMessage) {
    const { capability } = message.customMessage;
    const own = CLASS_OF_CAPABILITY[capability];
    if (!own) return { verdict: "drop", reason: `the capability ${capability} belongs to no class` };
    classes.push(own);
  }
  const denied = classes.find((name) => policy.classes[name] !== "allow");
  if (denied) return { verdict: "drop", reason: `the policy denies the class ${denied}` };
  return { verdict: "allow", payload: message };
}

/** The class under which the ledger lists a message. */
export function classOf(message: AgentToServer): PayloadClass {
  return CLASS_OF_CAPABILITY[message.customMessage?.capability ?? ""] ?? "status";
}
