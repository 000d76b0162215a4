import { assert, assertEquals } from "@std/assert";
import { MAX_ERROR_CHARS, MAX_LOG_FACT_CHARS, MAX_LOG_FACTS } from "../../src/base/limits.ts";
import { errorRecordSchema } from "../../src/protocol/payloads/errors.ts";
import { logRecordSchema } from "../../src/protocol/payloads/logs.ts";
import { RUN_STARTED } from "../support/records.ts";

const { runId, process, version, trigger, startedAt } = RUN_STARTED;
const counts = { in: 3, out: 1, filtered: 1, failed: 1 };
const levels = { debug: 0, info: 2, warning: 1, error: 0 };
const time = startedAt;
const file = { name: "a.csv", directory: "data/in" };
const guidance = { retryable: false, remedy: "Correct it." };

const LOG = [
  { kind: "summary", runId, process, version, trigger, startedAt, totalMs: 5, levels },
  { kind: "step", step: "steps[0].map", startedAt, spanMs: 4, busyMs: 2, in: 3, out: 2, failed: 1 },
  {
    kind: "message",
    time,
    level: "info",
    step: "source",
    message: "an input was read",
    facts: { file: "a" },
  },
  { kind: "gap", reason: "over-cap", records: 9, bytes: 900 },
];
const ERRORS = [
  { kind: "run", runId, process, startedAt, endedAt: time, outcome: "partial", documents: counts },
  {
    kind: "error",
    scope: "input",
    time,
    code: "source.unreadable",
    message: "data/in/a.csv cannot be read",
    file,
    causes: [{ name: "PermissionDenied", code: "EACCES", message: "Permission denied (os error 13)" }],
    ...guidance,
  },
  {
    kind: "document",
    time,
    code: "document.rejected",
    step: "sink",
    file,
    row: 2,
    line: 3,
    message: "is not JSON",
    ...guidance,
  },
  { kind: "more", step: "sink", code: "document.rejected", documents: 1 },
  { kind: "missing", documents: 12 },
];

Deno.test("records of logs and errors fit, and with one field more they do not", () => {
  for (const [schema, records] of [[logRecordSchema, LOG], [errorRecordSchema, ERRORS]] as const) {
    for (const record of records) {
      assertEquals<unknown>(schema.parse(record), record);
      assertEquals(schema.safeParse({ ...record, original: "1,2" }).success, false, record.kind);
    }
  }
});

Deno.test("a message is at most a few KiB, whatever it says", () => {
  const most = (facts: number, chars: number, text: number) => ({
    kind: "message",
    time,
    level: "debug",
    message: "x".repeat(text),
    facts: Object.fromEntries(Array.from({ length: facts }, (_, i) => [`fact${i}`, "x".repeat(chars)])),
  });
  const largest = most(MAX_LOG_FACTS, MAX_LOG_FACT_CHARS, MAX_ERROR_CHARS);
  assert(logRecordSchema.safeParse(largest).success);
  assert(JSON.stringify(largest).length < 8 * 1024);
  for (const over of [[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const) {
    const [facts, chars, text] = over;
    const record = most(MAX_LOG_FACTS + facts, MAX_LOG_FACT_CHARS + chars, MAX_ERROR_CHARS + text);
    assertEquals(logRecordSchema.safeParse(record).success, false, String(over));
  }
});
