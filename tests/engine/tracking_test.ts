import { assert, assertEquals } from "@std/assert";
import { utf8Length } from "../../src/base/encoding.ts";
import { MAX_ERROR_CHARS, MAX_PAYLOAD_BYTES } from "../../src/base/limits.ts";
import { trackingRecords } from "../../src/engine/tracking.ts";
import { RUN_STARTED } from "../support/records.ts";
import type { TrackedFile } from "../../src/protocol/payloads/tracking.ts";
import { trackingRecordSchema } from "../../src/protocol/payloads/tracking.ts";

Deno.test("however long the names of a run's files are, and in whatever script, each record fits into the spool", () => {
  const { kind: _, ...head } = { ...RUN_STARTED, trigger: "watch" as const };
  const size = { bytes: 1, documents: 1, failed: 0 };
  const files = Array.from({ length: 250 }, (_, n): TrackedFile => ({
    role: "source",
    name: `${n}`.padEnd(255, "帳"),
    directory: "data/".padEnd(1_024, "票"),
    ...size,
  }));
  const message = "錯".repeat(MAX_ERROR_CHARS);
  const records = trackingRecords(head, {
    outcome: "failed",
    documents: { in: 250, out: 0, filtered: 0, failed: 0 },
    bytesIn: 250,
    bytesOut: 0,
    files,
    error: {
      code: "source.unreadable",
      message,
      file: { name: files[0]!.name, directory: files[0]!.directory },
    },
  }, head.startedAt);
  for (const record of records) {
    assertEquals(trackingRecordSchema.safeParse(record).success, true);
    const bytes = utf8Length(JSON.stringify(record));
    assert(bytes <= MAX_PAYLOAD_BYTES, `${bytes} bytes`);
  }
  const named = records.flatMap((record) => "files" in record ? record.files : []);
  assertEquals(named.map(({ name }) => name), files.map(({ name }) => name));
});
