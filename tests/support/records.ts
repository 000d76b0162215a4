import type { Documents } from "../../src/protocol/payloads/data.ts";

/** A tracking record that fits its schema. */
export const RUN_STARTED = {
  kind: "run-started",
  runId: "01890a5d-ac96-774b-bcce-b302099a8057",
  process: "orders",
  version: "1",
  definition: "0123456789ab",
  trigger: "watch",
  startedAt: "2026-01-01T00:00:00.000Z",
};

/** A record of tracked fields that fits its schema, beyond all time. */
export const DOCUMENTS = {
  kind: "documents",
  runId: RUN_STARTED.runId,
  process: "orders",
  until: "2999-12-31T23:59:59Z",
  file: { name: "a.csv", directory: "data/in" },
  fileNumber: 1,
  documents: [{ row: 1, result: "out", fields: { order: "4711", total: "12.50" } }],
  beyond: 0,
} satisfies Documents;
