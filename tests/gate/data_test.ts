import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { MAX_TRACKED_CHARS } from "../../src/base/limits.ts";
import { composeBatch, judgeRecord } from "../../src/gate/batch.ts";
import { DATA } from "../../src/gate/data.ts";
import type { PolicyOptions } from "../../src/gate/policy/options.ts";
import type { PolicyTools } from "../../src/gate/policy/policy.ts";
import { DEFAULT_POLICY, haltedPolicy } from "../../src/gate/policy/policy.ts";
import type { Documents } from "../../src/protocol/payloads/data.ts";
import { dataRecordSchema } from "../../src/protocol/payloads/data.ts";
import { DOCUMENTS } from "../support/records.ts";
import { policyWith, QUIET, spent } from "./support.ts";

const FOREVER = "2999-12-31T23:59:59Z";
const allowing = (changes: Partial<PolicyOptions["data"]> = {}, tools: PolicyTools = {}) =>
  policyWith({ data: { send: "allow", until: FOREVER, ...changes } }, tools);
const judge = (record: unknown, policy = allowing(), now = QUIET.now) =>
  judgeRecord(DATA, record, policy, now);
const withFields = (fields: Record<string, string>, more = {}) => ({
  ...DOCUMENTS,
  documents: [{ row: 1, result: "out", fields, ...more }],
});

Deno.test("fields of documents leave only where the policy allows them by itself, and for its time", () => {
  assertEquals(judge(DOCUMENTS), { verdict: "allow", payload: DOCUMENTS });
  const end = Date.parse(FOREVER);
  const refused: [reason: string, ...Parameters<typeof judge>][] = [
    ["denies the class data", DOCUMENTS, DEFAULT_POLICY],
    ["on request only", DOCUMENTS, allowing({ send: "ask" })],
    ["until 2026-01-01T11:59:59Z, which has passed", DOCUMENTS, allowing({ until: "2026-01-01T11:59:59Z" })],
    ["other processes than orders", DOCUMENTS, allowing({ processes: ["order", "invoices"] })],
    [
      "tracks fields until 2026-01-01T11:59:59Z",
      { ...DOCUMENTS, until: "2026-01-01T11:59:59Z" },
      allowing(),
    ],
    ["which has passed", DOCUMENTS, allowing(), end + 1],
  ];
  for (const [reason, ...args] of refused) {
    const verdict = judge(...args);
    assertEquals(verdict.verdict, "drop");
    assertStringIncludes(verdict.reason!, reason);
  }
  assertEquals(judge(DOCUMENTS, allowing(), end).verdict, "allow");
  assertEquals(judge(DOCUMENTS, haltedPolicy("broken")), { verdict: "hold", reason: "broken" });
});

Deno.test("the platform is told the earlier of the two ends", () => {
  const until = (policy: string, process: string) =>
    (judge({ ...DOCUMENTS, until: process }, allowing({ until: policy })).payload as Documents).until;
  assertEquals(until("2027-01-01T23:59:59Z", "2026-06-30T23:59:59Z"), "2026-06-30T23:59:59Z");
  assertEquals(until("2026-06-30T23:59:59Z", "2027-01-01T23:59:59Z"), "2026-06-30T23:59:59Z");
});

Deno.test("a record with an unknown key, a value that is no text, or more than its bounds cannot pass", () => {
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`f${i}`, ""]));
  const bad: unknown[] = [
    { ...DOCUMENTS, customer: "Ada" },
    withFields({}, { original: "1,2" }),
    { ...DOCUMENTS, file: { ...DOCUMENTS.file, owner: "Ada" } },
    withFields(many),
    withFields({ note: "x".repeat(MAX_TRACKED_CHARS + 1) }),
    withFields({ "Ada's e-mail: ada@example.com": "x" }),
    withFields(JSON.parse('{ "__proto__": "x" }')),
    withFields({ note: 1 as never }),
    withFields({ note: { deep: "x" } as never }),
    withFields([] as never),
    withFields({ note: "x" }, { cut: ["the whole note: 'x'"] }),
    { ...DOCUMENTS, documents: [] },
    { ...DOCUMENTS, until: "never" },
    { kind: "run-started" },
    null,
  ];
  for (const record of bad) {
    const { verdict, unfit } = judge(record) as { verdict: string; unfit?: true };
    assertEquals([verdict, unfit], ["drop", true], JSON.stringify(record));
  }
});

Deno.test("values lose their secrets once more, and what grows by that is cut and marked", () => {
  const card = "4111111111111111";
  const rule = { name: "note", find: (text: string) => text.startsWith("N") ? [{ start: 0, end: 1 }] : [] };
  const long = "N" + "x".repeat(MAX_TRACKED_CHARS - 1);
  const { verdict, payload } = judge(
    withFields({ card, note: "N1", long, other: "y" }, { cut: ["other"] }),
    allowing({}, { ownRules: [rule] }),
  );
  assertEquals(verdict, "shape");
  const [document] = (payload as Documents).documents;
  const { long: cut, ...fields } = document!.fields;
  assertEquals(fields, { card: "[redacted: card number]", note: "[redacted: note]1", other: "y" });
  assertEquals([cut!.length, document!.cut], [MAX_TRACKED_CHARS, ["other", "long"]]);
});

Deno.test("the file is named as tracking names it", () => {
  const policy = policyWith(
    { data: { send: "allow", until: FOREVER }, tracking: { names: "hashed", directories: "omitted" } },
    { nameKey: new Uint8Array(32) },
  );
  const { file } = judge(DOCUMENTS, policy).payload as Documents;
  assertEquals([/^hashed-[0-9a-f]{20}$/.test(file.name), file.directory], [true, "omitted"]);
});

Deno.test("whatever a policy and a record say, what passes fits the schema and holds no card number", () => {
  const card = fc.constantFrom("4111111111111111", "5500 0000 0000 0004");
  const text = fc.tuple(fc.string({ maxLength: 1_200 }), fc.option(card), fc.string({ maxLength: 50 }))
    .map((parts) => parts.filter((part) => part !== null).join(" "));
  const fields = fc.dictionary(fc.constantFrom("order", "Betrag", "a.b", "c d"), text, { maxKeys: 4 });
  fc.assert(fc.property(fields, fc.constantFrom("allow", "ask", "deny"), (fields, send) => {
    const { payload } = judge(withFields(fields), allowing({ send: send as "allow" }));
    if (!payload) return;
    assertEquals([send, dataRecordSchema.safeParse(payload).success], ["allow", true]);
    assertEquals(JSON.stringify(payload).match(/4111111111111111|5500 0000 0000 0004/), null);
  }));
});

Deno.test("over the day's budget of the class records wait, in their order", () => {
  const policy = allowing();
  const payloads = [1, 2, 3].map((seq) => ({ seq, payload: DOCUMENTS }));
  assertEquals(composeBatch(DATA, payloads, policy, QUIET).records.length, 3);
  const { bytesPerDay } = policy.options.data;
  const tight = composeBatch(DATA, payloads, policy, spent({ data: bytesPerDay - 900, tracking: 1e12 }));
  assertEquals([tight.records.length, tight.through], [1, 1]);
  assertStringIncludes(tight.held!, "the policy's budget for data, 16 MiB a day");
});
