import type { Responder, Responders } from "../../src/engine/requests/responder.ts";
import type { LogMessage } from "../../src/protocol/payloads/logs.ts";
import type { Request } from "../../src/protocol/payloads/requests.ts";

export const RUN_ID = "01890a5d-ac96-774b-bcce-b302099a8057";
export const REQUEST_ID = "01890a5d-ac96-774b-bcce-b302099a8058";

/** A request for the log of a run. */
export function logRequest(changes: Partial<Request> = {}): Request {
  return {
    id: REQUEST_ID,
    parameters: { runId: RUN_ID },
    requester: "ada@example.com",
    reason: "orders are missing",
    expiresInMs: 600_000,
    stored: 0,
    credit: 8,
    ...changes,
  };
}

export function logMessage(message: string): LogMessage {
  return { kind: "message", time: "2026-01-01T00:00:00.000Z", level: "info", message };
}

/** What an engine answers where every class is answered the same way. */
export function everyClass(answer: Responder<unknown>["answer"]): Responders {
  return { logs: { answer }, errors: { answer }, schema: { answer } };
}

/** Where nothing is asked for. */
export const NO_ANSWERS: Responders = everyClass(() => {
  throw new Error("nobody should ask");
});
