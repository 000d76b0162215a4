import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { judgeAnswer, shapeWords } from "../../src/gate/answers.ts";
import { judgeMessage } from "../../src/gate/gate.ts";
import { DEFAULT_POLICY } from "../../src/gate/policy/policy.ts";
import { ANSWERS } from "../../src/protocol/answers.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { create } from "@bufbuild/protobuf";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import type { FailedDocument } from "../../src/protocol/payloads/errors.ts";
import { logMessage, REQUEST_ID, RUN_ID } from "../support/requests.ts";
import { policyWith, QUIET, spent } from "./support.ts";

const ASKED = { runId: RUN_ID };
const HASHED = policyWith({ tracking: { names: "hashed", directories: "omitted" } }, {
  nameKey: new Uint8Array(32),
});

const FAILED: FailedDocument = {
  kind: "document",
  time: "2026-01-01T00:00:00.000Z",
  code: "document.rejected",
  step: "steps[0].map",
  file: { name: "ada.csv", directory: "data/in" },
  row: 2,
  line: 3,
  message: "ada.csv: the field is not a number",
  retryable: false,
  remedy: "Look at ada.csv",
};

Deno.test("a record of an answer leaves as it is, without secrets, or not at all", () => {
  const judge = (record: unknown) => judgeAnswer("logs", record, ASKED, DEFAULT_POLICY);
  assertEquals(judge(logMessage("run ended")).verdict, "allow");
  const message = {
    ...logMessage("Bearer eyJhbGciOi.abc.def sent"),
    facts: { to: "ada@example.com", rows: 4 },
  };
  const { verdict, payload } = judge(message);
  assertEquals(verdict, "shape");
  assertEquals((payload as typeof message).facts, { to: "[redacted: e-mail address]", rows: 4 });
  assert(!JSON.stringify(payload).includes("eyJ"));
  for (
    const stranger of [{ ...logMessage("x"), document: { a: 1 } }, { kind: "row" }, "text", null, FAILED]
  ) {
    assertEquals(judge(stranger).verdict, "drop");
  }
});

Deno.test("what stands in a secret's place never makes a record one that its class does not take", () => {
  const texts = fc.constantFrom("a@b.co ", "4111111111111111 ", "x", " password=y ");
  fc.assert(fc.property(fc.array(texts, { maxLength: 200 }), (parts) => {
    const text = parts.join("").slice(0, 500);
    const record = { ...logMessage(text), facts: { text } };
    const { payload } = judgeAnswer("logs", record, ASKED, DEFAULT_POLICY);
    assert(ANSWERS.logs.record.safeParse(payload).success);
    assert(!JSON.stringify(payload).includes("4111111111111111"));
  }));
});

Deno.test("where names do not leave as they are, neither do they in answers, nor words that may hold one", () => {
  const { payload } = judgeAnswer("errors", FAILED, ASKED, HASHED);
  const { file, message, remedy, row } = payload as FailedDocument;
  assertStringIncludes(file.name, "hashed-");
  assertEquals([file.directory, row], ["omitted", 2]);
  assert(![message, remedy].join().includes("ada"));
  const log = judgeAnswer(
    "logs",
    { ...logMessage("read ada.csv"), facts: { file: "ada.csv" } },
    ASKED,
    HASHED,
  );
  assert(!JSON.stringify(log.payload).includes("ada.csv"));
  assert(!shapeWords("source.unreadable", "cannot read ada.csv", HASHED).includes("ada"));
  assertEquals(shapeWords("request.refused", "not today", HASHED), "not today");
});

Deno.test("of a class that is denied, or beyond its budget, only short words about a request pass", () => {
  const judge = (
    type: string,
    payload: unknown,
    policy = policyWith({ logs: { send: "deny" } }),
    day = QUIET,
  ) =>
    judgeMessage(
      create(AgentToServerSchema, { customMessage: jsonMessage(CUSTOM.logs, type, payload) }),
      policy,
      day,
    ).verdict;
  const ending = { id: REQUEST_ID, code: "request.refused", reason: "no" };
  assertEquals(judge("refused", ending), "allow");
  assertEquals(judge("refused", { ...ending, reason: "x".repeat(10_000) }), "drop");
  assertEquals(judge("chunk", { id: REQUEST_ID }), "drop");
  assertEquals(judge("anything", ending), "drop");
  const used = spent({ logs: 64 * 1024 * 1024 });
  assertEquals(judge("chunk", { id: REQUEST_ID }, DEFAULT_POLICY, used), "hold");
  assertEquals(judge("failed", ending, DEFAULT_POLICY, used), "allow");
});
