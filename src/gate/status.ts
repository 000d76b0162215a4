import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { sha256Hex } from "../base/digest.ts";
import { utf8 } from "../base/encoding.ts";
import { MAX_NAME_CHARS } from "../base/limits.ts";
import { CONDITIONS, conditionText } from "../protocol/conditions.ts";
import type { AgentToServer, ComponentHealth, KeyValue } from "../protocol/generated/opamp_pb.ts";
import { AgentToServerSchema, ComponentHealthSchema } from "../protocol/generated/opamp_pb.ts";
import { bytesLeft, overBudget } from "./budget.ts";
import type { Policy } from "./policy/policy.ts";
import { shapeText } from "./text.ts";
import type { Circumstances } from "./verdict.ts";

type Message = MessageInitShape<typeof AgentToServerSchema>;
type Shaper<K extends keyof Message> = (value: AgentToServer[K] & object, policy: Policy) => Message[K];

/** Components have parts, and those have none. */
const MAX_DEPTH = 3;

/** What stands in every message: who sends it, its number, what it can do. */
const ENVELOPE = ["instanceUid", "sequenceNum", "capabilities", "flags"] as const;

/**
 * The parts of an OpAMP message that are status, and the form in which each may leave. Each is built anew from what
 * is known of it, so nothing else can come along. A field that is not named here has no class and cannot leave: one
 * that is added to the protocol later stays in until somebody decides on it.
 */
const SHAPERS = {
  agentDescription: ({ identifyingAttributes, nonIdentifyingAttributes }, policy) => ({
    identifyingAttributes: attributes(identifyingAttributes, policy),
    nonIdentifyingAttributes: attributes(nonIdentifyingAttributes, policy),
  }),
  health: (health, policy) => tellHealth(health, policy),
  effectiveConfig: ({ configMap }, { options }) => {
    const { processTexts } = options.status;
    if (processTexts === "omitted") return undefined;
    const files = Object.entries(configMap?.configMap ?? {}).map(([name, { body, contentType }]) => [
      name,
      processTexts === "plain" ? { body, contentType } : { body: utf8(`sha256:${sha256Hex(body)}`) },
    ]);
    return { configMap: { configMap: Object.fromEntries(files) } };
  },
  remoteConfigStatus: ({ lastRemoteConfigHash, status, errorMessage }, policy) => ({
    lastRemoteConfigHash,
    status,
    errorMessage: shapeText(errorMessage, policy),
  }),
  agentDisconnect: () => ({}),
  connectionSettingsRequest: ({ opamp }) => ({
    opamp: { certificateRequest: { csr: opamp?.certificateRequest?.csr ?? new Uint8Array() } },
  }),
  connectionSettingsStatus: ({ lastConnectionSettingsHash, status, errorMessage }, policy) => ({
    lastConnectionSettingsHash,
    status,
    errorMessage: shapeText(errorMessage, policy),
  }),
  customCapabilities: ({ capabilities }) => ({ capabilities }),
} satisfies { [K in keyof Message]?: Shaper<K> };

type StatusField = keyof typeof SHAPERS;

/** What the connection itself needs: it goes on where status is denied, or its budget is used up. */
const OF_THE_CONNECTION: ReadonlySet<StatusField> = new Set([
  "agentDisconnect",
  "connectionSettingsRequest",
  "connectionSettingsStatus",
  "customCapabilities",
]);

/** The parts of a message that are not its envelope. */
export function partsOf(message: AgentToServer): string[] {
  const envelope: readonly string[] = ENVELOPE;
  return Object.entries(message)
    .filter(([name, value]) => value !== undefined && !name.startsWith("$") && !envelope.includes(name))
    .map(([name]) => name);
}

/** Whether a part of a message is status. */
export function isStatus(part: string): part is StatusField {
  return Object.hasOwn(SHAPERS, part);
}

/**
 * A status message in the form in which it may leave; a part that may not is missing. What remains when the policy
 * cannot be used is the bare status: who the agent is, what it can do, and why there is no more.
 */
export function shapeStatus(
  message: AgentToServer,
  policy: Policy,
  circumstances: Circumstances,
): AgentToServer {
  const shaped: Message = Object.fromEntries(ENVELOPE.map((field) => [field, message[field]]));
  const bare = bareHealth(policy, circumstances);
  for (const part of partsOf(message).filter(isStatus)) {
    if (!bare) set(shaped, message, part, policy);
    else if (part === "health") shaped.health = bare(message.health!);
    else if (part === "agentDisconnect") shaped.agentDisconnect = {};
    else if (policy.halted === undefined && OF_THE_CONNECTION.has(part)) set(shaped, message, part, policy);
  }
  return create(AgentToServerSchema, shaped);
}

/** Whether two messages are the same on the wire. */
export function isSameMessage(a: AgentToServer, b: AgentToServer): boolean {
  const [left, right] = [a, b].map((message) => toBinary(AgentToServerSchema, message).toHex());
  return left === right;
}

function set(shaped: Message, message: AgentToServer, part: StatusField, policy: Policy): void {
  const shape = SHAPERS[part] as Shaper<StatusField>;
  Object.assign(shaped, { [part]: shape(message[part]!, policy) });
}

/** How health is told where no more than a bare status may leave; undefined where it may be told in full. */
function bareHealth(
  policy: Policy,
  circumstances: Circumstances,
): ((health: ComponentHealth) => Message["health"]) | undefined {
  const { halted, options } = policy;
  if (halted !== undefined) return () => brokenHealth(halted);
  if (options.status.send === "deny") return ({ healthy }) => ({ healthy, status: "alive" });
  if (bytesLeft("status", policy, circumstances) > 0) return undefined;
  const lastError = conditionText({ code: "policy.holding", reason: overBudget("status", policy) });
  return ({ healthy }) => ({ healthy, status: "alive", lastError });
}

/** The one condition that is told, in the form in which the agent tells any. */
function brokenHealth(reason: string): Message["health"] {
  const code = "policy.unreadable";
  const { severity, status } = CONDITIONS[code];
  const broken = { healthy: false, status, lastError: conditionText({ code, reason }) };
  const component = { ...broken, componentHealthMap: { [code]: { ...broken, status: severity } } };
  return { ...broken, componentHealthMap: { policy: component } };
}

function attributes(list: readonly KeyValue[], policy: Policy) {
  return list.flatMap(({ key, value }) => {
    if (value?.value.case !== "stringValue" || !policy.tellsAttribute(key)) return [];
    const text = value.value.value.slice(0, MAX_NAME_CHARS);
    return [{ key, value: { value: { case: "stringValue" as const, value: text } } }];
  });
}

/** Without the components that the policy names nowhere. */
function tellHealth(health: ComponentHealth, policy: Policy): ComponentHealth {
  const all = Object.entries(health.componentHealthMap);
  const told = all.filter(([name]) => policy.tellsComponent(name));
  // The agent as a whole tells the worst of its components, which may be of one that is not told.
  const lastError = told.length === all.length ? health.lastError : "";
  return shapeHealth(
    { ...health, lastError, componentHealthMap: Object.fromEntries(told) },
    policy,
    MAX_DEPTH,
  );
}

function shapeHealth(health: ComponentHealth, policy: Policy, depth: number): ComponentHealth {
  const { healthy, startTimeUnixNano, statusTimeUnixNano, status, lastError } = health;
  const parts = depth === 0 ? [] : Object.entries(health.componentHealthMap);
  return create(ComponentHealthSchema, {
    healthy,
    startTimeUnixNano,
    statusTimeUnixNano,
    status: status.slice(0, MAX_NAME_CHARS),
    lastError: shapeText(lastError, policy),
    componentHealthMap: Object.fromEntries(
      parts.map(([name, part]) => [name, shapeHealth(part, policy, depth - 1)]),
    ),
  });
}
