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
