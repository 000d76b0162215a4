import { asSallyportError, SallyportError } from "../base/errors.ts";
import { MAX_ERROR_CHARS, MAX_RETRY_AFTER_MS } from "../base/limits.ts";
import { CLOSE } from "../protocol/closing.ts";
import type { ServerErrorResponse } from "../protocol/generated/opamp_pb.ts";
import { clockRemark } from "./certificate_time.ts";
import type { SocketClosed } from "./socket.ts";

/** How a connection ended, and what that means for the next try. */
export interface Ending {
  error: SallyportError;
  /** The wait before the next try is at least this long, in milliseconds. */
  minimumWaitMs: number;
  /** This side ended it, to connect anew at once. */
  planned?: true;
}

/** Refusals that only a person can lift are asked about again, but slowly. */
const REFUSED_WAIT_MS = 60_000;
/** Whoever approves a new certificate may stand beside the agent and wait for it. */
const APPROVAL_WAIT_MS = 10_000;
/** Two agents with one identity would throw each other out without end. */
const SUPERSEDED_WAIT_MS = 30_000;

const REFUSALS: Record<number, { remedy: string; minimumWaitMs: number }> = {
  [CLOSE.unknownIdentity]: {
    remedy: "The platform does not know this agent's certificate. Enrol this home again with a new bundle.",
    minimumWaitMs: REFUSED_WAIT_MS,
  },
  [CLOSE.revoked]: {
    remedy: "Somebody revoked this agent on the platform. Ask there why.",
    minimumWaitMs: REFUSED_WAIT_MS,
  },
  [CLOSE.expired]: {
    remedy:
      "The agent's certificate is not valid, and the platform gives it no other one. Enrol this home again with " +
      "a new bundle.",
    minimumWaitMs: REFUSED_WAIT_MS,
  },
  [CLOSE.recoverable]: {
    remedy:
      "The agent's certificate has expired. The platform's operator can approve a new one (sallyportctl agents " +
      "approve-recovery), and the agent goes on by itself.",
    minimumWaitMs: APPROVAL_WAIT_MS,
  },
  [CLOSE.retired]: {
    remedy:
      "This home holds an older certificate than the platform has seen in use: it is a copy or a backup. " +
      "Stop whatever runs with the newer one, or enrol this home again.",
    minimumWaitMs: REFUSED_WAIT_MS,
  },
  [CLOSE.superseded]: {
    remedy:
      "Another agent runs with a copy of this home. Stop one of them, and enrol it as an agent of its own.",
    minimumWaitMs: SUPERSEDED_WAIT_MS,
  },
  [CLOSE.badRequest]: {
    remedy: "Agent and platform do not understand each other: update both.",
    minimumWaitMs: 0,
  },
  [CLOSE.tooLarge]: {
    remedy: "Agent and platform do not understand each other: update both.",
    minimumWaitMs: 0,
  },
  [CLOSE.tooMany]: { remedy: "The platform is busy; the agent waits by itself.", minimumWaitMs: 0 },
};

/** What a thrown error means for the next try. */
export function endingOf(thrown: unknown): Ending {
  const error = asSallyportError(thrown);
  return { error, minimumWaitMs: Number(error.facts.retryAfterMs ?? 0) };
}

/**
 * What a close frame, with the refusal that came before it if there was one, means for the next try.
 *
 * @param clockOffsetMs the platform's clock minus this machine's, if the connection had a proof
 */
export function endingOfClose(
  how: SocketClosed,
  refusal?: ServerErrorResponse,
  clockOffsetMs?: number,
): Ending {
  const retryAfterMs = Math.max(retryAfter(refusal), how.retryAfterMs ?? 0);
  const reason = (refusal?.errorMessage || how.reason).slice(0, MAX_ERROR_CHARS);
  const known = REFUSALS[how.code];
  if (known) {
    const isAboutTime = how.code === CLOSE.expired || how.code === CLOSE.recoverable;
    const clock = isAboutTime ? clockRemark(clockOffsetMs) : { reason: "", remedy: "" };
    const words = `the platform ended the session: ${reason}${clock.reason}`;
    const error = new SallyportError("platform.refused", words, {
      remedy: clock.remedy + known.remedy,
      retryable: true,
      facts: { closeCode: how.code },
    });
    return { error, minimumWaitMs: Math.max(known.minimumWaitMs, retryAfterMs) };
  }
  const error = new SallyportError(
    "platform.unreachable",
    `the connection was closed (${how.code}${reason ? `, ${reason}` : ""})`,
    { retryable: true, facts: { closeCode: how.code } },
  );
  return { error, minimumWaitMs: retryAfterMs, ...(how.planned ? { planned: true } : {}) };
}

/** OpAMP: `retry_info` sets the minimum of the wait. */
function retryAfter(refusal: ServerErrorResponse | undefined): number {
  if (refusal?.Details.case !== "retryInfo") return 0;
  const ms = Number(refusal.Details.value.retryAfterNanoseconds / 1_000_000n);
  return Math.min(ms, MAX_RETRY_AFTER_MS);
}
