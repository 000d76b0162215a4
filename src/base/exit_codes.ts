import type { ErrorCode } from "./errors.ts";

/** What a process of ours tells the script that called it. Documented in `docs/exit-codes.md`. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  notEnrolled: 3,
  unreachable: 4,
  refused: 5,
  notAuthentic: 6,
  invalidInput: 7,
  failed: 8,
  home: 9,
  /** EX_TEMPFAIL of sysexits.h: the launcher starts the (possibly new) executable again. */
  restart: 75,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  "usage": EXIT.usage,
  "home.unusable": EXIT.home,
  "home.locked": EXIT.home,
  "state.unreadable": EXIT.home,
  "identity.missing": EXIT.notEnrolled,
  "bundle.damaged": EXIT.invalidInput,
  "bundle.expired": EXIT.invalidInput,
  "bundle.wrong-platform": EXIT.invalidInput,
  "process.invalid": EXIT.invalidInput,
  "file.missing": EXIT.invalidInput,
  "run.unknown": EXIT.invalidInput,
  "enrolment.refused": EXIT.refused,
  "enrolment.already": EXIT.refused,
  "platform.refused": EXIT.refused,
  "request.unauthorised": EXIT.refused,
  "request.forbidden": EXIT.refused,
  "request.refused": EXIT.refused,
  "platform.unreachable": EXIT.unreachable,
  "platform.not-trusted": EXIT.notAuthentic,
  "platform.not-proved": EXIT.notAuthentic,
  "connection.invalid": EXIT.invalidInput,
  "connection.unknown": EXIT.invalidInput,
  "connection.not-permitted": EXIT.refused,
  "connection.refused": EXIT.refused,
  "connection.unreachable": EXIT.unreachable,
  "connection.not-trusted": EXIT.notAuthentic,
  "internal": EXIT.internal,
};

/** The exit code for an error code: the only place that decides it. */
export function exitCodeFor(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}
