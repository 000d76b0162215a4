import { assert, assertEquals } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import { classOf, judgeMessage, judgeTracking } from "../../src/gate/gate.ts";
import { CLASSES, DEFAULT_POLICY, policyHash } from "../../src/gate/policy.ts";
import type { Policy } from "../../src/gate/policy.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { RUN_STARTED } from "../support/records.ts";

const denying = (name: "status" | "tracking"): Policy => ({
  classes: { ...DEFAULT_POLICY.classes, [name]: "deny" },
});

Deno.test("a record that fits its schema passes as it is", () => {
  assertEquals(judgeTracking(RUN_STARTED, DEFAULT_POLICY) as unknown, {
    verdict: "allow",
    payload: RUN_STARTED,
  });
});

Deno.test("a record with an unknown key cannot pass", () => {
  const verdict = judgeTracking({ ...RUN_STARTED, customer: "Ada" }, DEFAULT_POLICY);
  assertEquals(verdict.verdict, "drop");
});

Deno.test("a record with a text beyond its bound cannot pass", () => {
  assertEquals(judgeTracking({ ...RUN_STARTED, process: "x".repeat(300) }, DEFAULT_POLICY).verdict, "drop");
});

Deno.test("a policy that denies tracking holds every record back", () => {
  assertEquals(judgeTracking(RUN_STARTED, denying("tracking")).verdict, "drop");
});

Deno.test("a message with a field that belongs to no class cannot pass", () => {
  const message = create(AgentToServerSchema, { packageStatuses: {} });
  const verdict = judgeMessage(message, DEFAULT_POLICY);
  assert(verdict.verdict === "drop" && verdict.reason.includes("packageStatuses"));
});

Deno.test("a custom message of an unknown capability cannot pass", () => {
  const message = create(AgentToServerSchema, {
    customMessage: jsonMessage("com.example.exfiltrate", "all", {}),
  });
  assertEquals(judgeMessage(message, DEFAULT_POLICY).verdict, "drop");
});

Deno.test("a message is allowed only when the policy allows every class that it carries", () => {
  const message = create(AgentToServerSchema, { customMessage: jsonMessage(CUSTOM.tracking, "batch", {}) });
  assertEquals(classOf(message), "tracking");
  assertEquals(judgeMessage(message, DEFAULT_POLICY).verdict, "allow");
  assertEquals(judgeMessage(message, denying("tracking")).verdict, "drop");
  assertEquals(judgeMessage(message, denying("status")).verdict, "drop");
});

Deno.test("by default production data never leaves, and every class has a decision", () => {
  assertEquals(DEFAULT_POLICY.classes.data, "deny");
  assertEquals(Object.keys(DEFAULT_POLICY.classes).sort(), [...CLASSES].sort());
  assert(policyHash(DEFAULT_POLICY) !== policyHash(denying("tracking")));
});
