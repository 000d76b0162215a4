import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import { classOf, judgeMessage } from "../../src/gate/gate.ts";
import { DEFAULT_POLICY, haltedPolicy } from "../../src/gate/policy/policy.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import type { AgentToServer } from "../../src/protocol/generated/opamp_pb.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import type { MessageParts } from "../../src/uplink/uplink.ts";
import { policyWith, QUIET, spent } from "./support.ts";

const message = (parts: MessageParts) =>
  create(AgentToServerSchema, {
    instanceUid: new Uint8Array(16),
    sequenceNum: 3n,
    capabilities: 5n,
    ...parts,
  });
const judge = (parts: MessageParts, policy = DEFAULT_POLICY, circumstances = QUIET) =>
  judgeMessage(message(parts), policy, circumstances);
const partsOf = (payload: AgentToServer | undefined) =>
  Object.entries(payload ?? {}).filter(([, value]) =>
    typeof value === "object" && !(value instanceof Uint8Array)
  )
    .map(([name]) => name).sort();

const CARD = "4111111111111111";
const TRACKING = { customMessage: jsonMessage(CUSTOM.tracking, "batch", {}) };
const EVERYTHING: MessageParts = {
  agentDescription: describe({ "service.name": "sallyport" }, { "host.arch": "x", "os.type": "linux" }),
  health: {
    healthy: false,
    status: "degraded",
    lastError: "not healthy: process/orders",
    componentHealthMap: {
      engine: { healthy: true, status: "running" },
      "process/orders": { healthy: false, lastError: `card ${CARD}` },
    },
  },
  effectiveConfig: {
    configMap: { configMap: { orders: { body: new TextEncoder().encode("process: orders") } } },
  },
  remoteConfigStatus: { errorMessage: `card ${CARD}` },
  connectionSettingsStatus: { errorMessage: `card ${CARD}` },
  connectionSettingsRequest: { opamp: { certificateRequest: { csr: new Uint8Array([1]) } } },
  customCapabilities: { capabilities: [CUSTOM.tracking] },
};

Deno.test("a message with a field that belongs to no class cannot pass", () => {
  assertStringIncludes(judge({ packageStatuses: {} }).reason!, "packageStatuses");
  assertStringIncludes(
    judge({ customMessage: jsonMessage("com.example.all", "all", {}) }).reason!,
    "no class",
  );
});

Deno.test("a custom message travels alone, and only when its class is allowed", () => {
  assertEquals(classOf(message(TRACKING)), "tracking");
  assertEquals(judge(TRACKING).verdict, "allow");
  assertEquals(judge({ ...TRACKING, health: { healthy: true } }).verdict, "drop");
  assertEquals(judge(TRACKING, policyWith({ tracking: { send: "deny" } })).verdict, "drop");
  assertEquals(judge(TRACKING, haltedPolicy("broken")).verdict, "hold");
  assertEquals(judge(TRACKING, DEFAULT_POLICY, spent({ tracking: 2 ** 40 })).verdict, "hold");
});

Deno.test("what the protocol has no field for does not come along, at whatever depth", () => {
  const smuggled = message(EVERYTHING);
  const extra = [{ no: 99, wireType: 2, data: new TextEncoder().encode("secret") }];
  for (const part of [smuggled, smuggled.health!, smuggled.agentDescription!]) part.$unknown = extra;
  const { payload } = judgeMessage(smuggled, DEFAULT_POLICY, QUIET);
  for (const part of [payload!, payload!.health!, payload!.agentDescription!]) {
    assertEquals(part.$unknown, undefined);
  }
});

Deno.test("status passes as it is, but for the secrets in its texts", () => {
  const clean = judge({ health: { healthy: true, status: "healthy" } });
  assertEquals([clean.verdict, clean.payload?.sequenceNum, clean.payload?.capabilities], ["allow", 3n, 5n]);
  const { verdict, payload } = judge(EVERYTHING);
  assertEquals([verdict, partsOf(payload)], ["shape", Object.keys(EVERYTHING).sort()]);
  for (
    const text of [
      payload?.health?.componentHealthMap["process/orders"]?.lastError,
      payload?.remoteConfigStatus?.errorMessage,
      payload?.connectionSettingsStatus?.errorMessage,
    ]
  ) assertEquals(text, "card [redacted: card number]");
});

Deno.test("attributes and components leave only as far as the policy names them", () => {
  const policy = policyWith({ status: { attributes: ["service.*", "os.*"], health: ["engine"] } });
  const { payload } = judge(EVERYTHING, policy);
  const { identifyingAttributes, nonIdentifyingAttributes } = payload!.agentDescription!;
  assertEquals([...identifyingAttributes, ...nonIdentifyingAttributes].map(({ key }) => key), [
    "service.name",
    "os.type",
  ]);
  assertEquals(Object.keys(payload!.health!.componentHealthMap), ["engine"]);
  // The agent's own words would name the component that may not be told.
  assertEquals(payload!.health!.lastError, "");
});

Deno.test("the texts of processes leave as they are, as their hash, or not at all", () => {
  const body = (processTexts: "plain" | "hashed" | "omitted") =>
    judge(EVERYTHING, policyWith({ status: { processTexts } })).payload?.effectiveConfig?.configMap?.configMap
      .orders?.body;
  const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
  assertEquals(text(body("plain")), "process: orders");
  assert(/^sha256:[0-9a-f]{64}$/.test(text(body("hashed"))!));
  assertEquals(body("omitted"), undefined);
});

Deno.test("while the policy cannot be used only a bare status leaves, which says so", () => {
  const { payload } = judge(EVERYTHING, haltedPolicy("policy.yaml is broken at line 7, column 3"));
  assertEquals(partsOf(payload), ["health"]);
  const { healthy, status, lastError, componentHealthMap } = payload!.health!;
  assertEquals([healthy, status], [false, "policy fault"]);
  assertEquals(lastError, "policy.unreadable: policy.yaml is broken at line 7, column 3");
  // The platform finds the condition where it looks for any, and nothing beside it.
  assertEquals(Object.keys(componentHealthMap), ["policy"]);
  assertEquals(Object.keys(componentHealthMap["policy"]!.componentHealthMap), ["policy.unreadable"]);
  assertEquals(payload!.instanceUid.length, 16);
});

Deno.test("where status is denied, or its budget used up, the agent tells that it is alive, and its connection goes on", () => {
  const connection = ["connectionSettingsRequest", "connectionSettingsStatus", "customCapabilities"];
  const denied = judge(EVERYTHING, policyWith({ status: { send: "deny" } }));
  assertEquals(partsOf(denied.payload), [...connection, "health"]);
  const { healthy, status, lastError, componentHealthMap } = denied.payload!.health!;
  assertEquals([healthy, status, lastError, componentHealthMap], [false, "alive", "", {}]);

  const { bytesPerDay } = DEFAULT_POLICY.options.status;
  assertEquals(judge(EVERYTHING, DEFAULT_POLICY, spent({ status: bytesPerDay - 1 })).verdict, "shape");
  const used = judge(EVERYTHING, DEFAULT_POLICY, spent({ status: bytesPerDay }));
  assertEquals(partsOf(used.payload), [...connection, "health"]);
  assertStringIncludes(used.payload!.health!.lastError, "64 MiB a day");
});

Deno.test("a heartbeat and a goodbye always leave; a message of which nothing may is not sent", () => {
  for (
    const [policy, circumstances] of [
      [haltedPolicy("broken"), QUIET],
      [policyWith({ status: { send: "deny" } }), QUIET],
      [DEFAULT_POLICY, spent({ status: 2 ** 40 })],
    ] as const
  ) {
    assertEquals(judge({}, policy, circumstances).verdict, "allow");
    assertEquals(judge({ agentDisconnect: {} }, policy, circumstances).verdict, "allow");
    const { verdict, reason } = judge({ effectiveConfig: {} }, policy, circumstances);
    assertEquals(verdict, "drop");
    assertStringIncludes(reason!, "effectiveConfig");
  }
});
