import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { MAX_COMMENT_CHARS, MAX_NAME_CHARS } from "../../src/base/limits.ts";
import { judgeSchemaRecord, whyTextsRefused } from "../../src/gate/schema.ts";
import { haltedPolicy } from "../../src/gate/policy/policy.ts";
import { schemaRecordSchema } from "../../src/protocol/payloads/schema.ts";
import type { SchemaRecord } from "../../src/protocol/payloads/schema.ts";
import { policyWith } from "./support.ts";

const COLUMN: SchemaRecord = {
  kind: "column",
  parent: ["public", "orders"],
  name: "state",
  position: 1,
  type: "text",
  nullable: true,
  default: "'new'",
  comment: "ask ada@example.com",
  labels: ["new", "done"],
};

Deno.test("texts of a schema leave only where the policy says so, each for itself, and without secrets", () => {
  const told = (texts: Parameters<typeof policyWith>[0]["schema"]) => {
    const { payload } = judgeSchemaRecord(COLUMN, policyWith({ schema: texts! }));
    const { default: text, comment, labels } = payload as typeof COLUMN & { kind: "column" };
    return [text, comment, labels];
  };
  assertEquals(told({}), [undefined, undefined, undefined]);
  assertEquals(told({ defaults: true }), ["'new'", undefined, undefined]);
  assertEquals(told({ comments: true }), [undefined, "ask [redacted: e-mail address]", undefined]);
  assertEquals(told({ enums: true }), [undefined, undefined, ["new", "done"]]);
});

Deno.test("a record without texts passes as it is, and one that the schema does not know does not pass", () => {
  const { default: _, comment: __, labels: ___, ...plain } = COLUMN as Extract<
    SchemaRecord,
    { kind: "column" }
  >;
  assertEquals(judgeSchemaRecord(plain, policyWith({})), { verdict: "allow", payload: plain });
  const strangers: unknown[] = [
    { ...plain, value: "4711" },
    { ...plain, sample: ["4711"] },
    { ...plain, kind: "row" },
    { ...plain, name: "x".repeat(256) },
    { ...plain, position: 0 },
    { kind: "key", parent: [], name: "k", primary: true, columns: Array(201).fill("c") },
    null,
  ];
  for (const stranger of strangers) {
    const verdict = judgeSchemaRecord(
      stranger,
      policyWith({ schema: { defaults: true, comments: true, enums: true } }),
    );
    assertEquals([verdict.verdict, verdict.payload], ["drop", undefined]);
  }
});

Deno.test("what is asked for and not allowed is refused by name, and nothing passes a policy that cannot be read", () => {
  assertEquals(whyTextsRefused([], policyWith({})), undefined);
  assertEquals(whyTextsRefused(["comments"], policyWith({ schema: { comments: true } })), undefined);
  const refusal = whyTextsRefused(["comments", "enums"], policyWith({ schema: { comments: true } }))!;
  assertStringIncludes(refusal, "enums");
  assertEquals(refusal.includes("comments"), false);
  assertEquals(judgeSchemaRecord(COLUMN, haltedPolicy("broken")).verdict, "hold");
});

Deno.test("a text that grows by what stands in a secret's place still fits into its field", () => {
  const policy = policyWith({ schema: { defaults: true, comments: true, enums: true } });
  const [short, long] = [MAX_NAME_CHARS, MAX_COMMENT_CHARS].map((max) => "a@b.example ".padStart(max, "- "));
  const { payload } = judgeSchemaRecord({ ...COLUMN, default: long, comment: long, labels: [short] }, policy);
  assertEquals(schemaRecordSchema.safeParse(payload).success, true);
  assertEquals(JSON.stringify(payload).includes("a@b.example"), false);
});

Deno.test("whatever a record is, what passes is closed and has no text that is not allowed", () => {
  const words = fc.string({ maxLength: 20 });
  const records = fc.record({
    kind: fc.constantFrom("column", "table", "field", "index", "row", "end"),
    parent: fc.array(words, { maxLength: 3 }),
    name: words,
    position: fc.integer(),
    type: words,
    nullable: fc.boolean(),
    default: words,
    comment: words,
    labels: fc.array(words, { maxLength: 3 }),
    records: fc.nat(),
  }, { requiredKeys: ["kind"] });
  fc.assert(fc.property(records, (record) => {
    const { payload } = judgeSchemaRecord(record, policyWith({}));
    if (payload === undefined) return;
    assertEquals(schemaRecordSchema.safeParse(payload).success, true);
    assertEquals(["default", "comment", "labels"].some((key) => key in payload), false);
  }));
});
