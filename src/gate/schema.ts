import { MAX_COMMENT_CHARS, MAX_NAME_CHARS } from "../base/limits.ts";
import type { SchemaRecord, SchemaText } from "../protocol/payloads/schema.ts";
import { schemaRecordSchema } from "../protocol/payloads/schema.ts";
import type { Policy } from "./policy/policy.ts";
import { shapeText } from "./text.ts";
import type { Verdict } from "./verdict.ts";

const TEXT_FIELDS = ["default", "comment", "labels"];

/**
 * Why a request for these texts of a schema is refused; undefined when the policy allows them all. It is refused and
 * not answered without them: who asks would take what is missing for not being there.
 */
export function whyTextsRefused(include: readonly SchemaText[], policy: Policy): string | undefined {
  const denied = include.filter((text) => !policy.options.schema[text]);
  if (denied.length === 0) return undefined;
  return `the policy does not let ${denied.join(" and ")} of a schema leave`;
}

/**
 * Decides on one record of a schema, whatever the request was: only what fits the closed schema leaves, texts only
 * where the policy allows them, and without secrets.
 */
export function judgeSchemaRecord(record: unknown, policy: Policy): Verdict<SchemaRecord> {
  if (policy.halted !== undefined) return { verdict: "hold", reason: policy.halted };
  const parsed = schemaRecordSchema.safeParse(record);
  if (!parsed.success) return { verdict: "drop", reason: "it is not a record about a schema", unfit: true };
  // Most have none of the texts.
  if (!TEXT_FIELDS.some((name) => name in parsed.data)) return { verdict: "allow", payload: parsed.data };
  const shaped = shapeRecord(parsed.data, policy);
  const same = JSON.stringify(shaped) === JSON.stringify(parsed.data);
  return { verdict: same ? "allow" : "shape", payload: shaped };
}

function shapeRecord(record: SchemaRecord, policy: Policy): SchemaRecord {
  const { defaults, comments, enums } = policy.options.schema;
  const shaped: SchemaRecord & { default?: string; comment?: string; labels?: string[] } = { ...record };
  if (!defaults) delete shaped.default;
  else if (shaped.default !== undefined) {
    shaped.default = shapeText(shaped.default, policy, MAX_COMMENT_CHARS);
  }
  if (!comments) delete shaped.comment;
  else if (shaped.comment !== undefined) {
    shaped.comment = shapeText(shaped.comment, policy, MAX_COMMENT_CHARS);
  }
  if (!enums) delete shaped.labels;
  else if (shaped.labels !== undefined) {
    shaped.labels = shaped.labels.map((label) => shapeText(label, policy, MAX_NAME_CHARS));
  }
  return shaped;
}
