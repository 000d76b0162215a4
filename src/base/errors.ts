/**
 * The one error type of the house. Every failure that a person or a program may have to act on is a
 * {@linkcode SallyportError} with a code from the closed list below, so that nobody tells errors apart by
 * their text.
 */

/** The closed list of error codes, grouped by the room that raises them. */
export const ERROR_CODES = [
  "usage", // the words of a command line are off
  "internal", // a defect of ours: the only code that asks for a bug report
  "home.unusable", // the agent's home is not one it may use
  "home.locked", // another agent runs in this home
  "agent.not-running", // a command needs the running agent, and none runs in this home
  "state.unreadable", // a file or database of ours cannot be read; it was set aside
  "bundle.damaged", // the enrolment bundle does not decode
  "bundle.expired", // the enrolment bundle's time has passed
  "bundle.wrong-platform", // the bundle names a host this executable may not reach
  "enrolment.refused", // the platform refused the enrolment
  "enrolment.already", // this home already has an identity
  "identity.missing", // the agent is not enrolled
  "platform.unreachable", // no connection to the platform
  "platform.not-trusted", // TLS refused the platform's certificate
  "platform.not-proved", // the platform did not prove the pinned key
  "platform.refused", // the platform ended the session, and said why
  "platform.protocol", // the platform sent what the protocol does not allow
  "process.invalid", // a process definition is not valid
  "run.failed", // a run ended without success
  "run.unknown", // no run of this home has the id that was given
  "run.purged", // the log of a run was removed, by age or for room
  "source.unreadable", // an input cannot be read
  "document.malformed", // one document of an input cannot be parsed
  "document.too-large", // one document is over the limit
  "document.rejected", // a step could not process one document
  "sink.unwritable", // an output cannot be written
  "connection.invalid", // `connections.yaml`, or a secret that it names, is not what it must be
  "connection.unknown", // there is no connection of that name
  "connection.not-permitted", // this edition may not reach the host of a connection
  "connection.unreachable", // nothing answers at a connection's address, or not in time
  "connection.not-trusted", // TLS of a connection: refused, missing, or another's certificate
  "connection.refused", // what a connection leads to refused the login
  "schema.unreadable", // what a connection leads to cannot be described
  "schema.timed-out", // describing it took too long
  "file.missing", // a file that was named is not there
  "disk.full", // the file system has no room left
  "request.invalid", // a request does not fit its schema
  "request.unauthorised", // an API request has no valid token
  "request.refused", // the owner's policy does not allow what is asked for
  "request.not-found", // an API request names something that is not there
  "request.forbidden", // an API request needs a right that its token does not have
  "request.busy", // too many requests at once, or in a minute
  "request.expired", // the deadline of a request passed before it was answered
  "request.cancelled", // a request was taken back before it was answered
  "request.too-large", // an answer is larger than the platform keeps
  "request.interrupted", // the agent ended while it answered a request
] as const;

/** One of {@linkcode ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What a {@linkcode SallyportError} is made of, beside its message. */
export interface ErrorDetails {
  /** What to do about it, as a sentence for the person who reads it. */
  remedy?: string;
  /** Whether the same call may succeed later with nothing changed by a person. Default: false. */
  retryable?: boolean;
  /** Facts for programs: small, JSON-serialisable, never production data. */
  facts?: Record<string, string | number | boolean>;
  /** What lies underneath. */
  cause?: unknown;
}

/** An error with a closed code, a message (what was tried, needed and found) and a remedy. */
export class SallyportError extends Error {
  override readonly name = "SallyportError";
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly retryable: boolean;
  readonly facts: Record<string, string | number | boolean>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy;
    this.retryable = details.retryable ?? false;
    this.facts = details.facts ?? {};
  }

  /** The form that `--json`, the API and the state database use. */
  toJSON(): Pick<SallyportError, "code" | "message" | "retryable"> & Pick<ErrorDetails, "remedy" | "facts"> {
    const { code, message, remedy, retryable, facts } = this;
    const hasFacts = Object.keys(facts).length > 0;
    return { code, message, ...(remedy ? { remedy } : {}), retryable, ...(hasFacts ? { facts } : {}) };
  }
}

/** Gives any thrown value the house's shape; what we did not foresee becomes `internal`. */
export function asSallyportError(thrown: unknown): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  if (isDiskFull(thrown)) {
    return new SallyportError("disk.full", messageOf(thrown), {
      cause: thrown,
      retryable: true,
      remedy: "Free some room on the file system of the agent's home; nothing is lost meanwhile.",
    });
  }
  if (isDatabaseDamage(thrown)) {
    return new SallyportError("state.unreadable", `a database is damaged: ${messageOf(thrown)}`, {
      cause: thrown,
      remedy: "Look after the disk, keep the damaged file, and restore one from a backup.",
    });
  }
  return new SallyportError("internal", messageOf(thrown), {
    cause: thrown,
    remedy: "This is a defect in Sallyport. Please report it with the line above and `sallyport --version`.",
  });
}

/** The message of any thrown value, with those of its causes, outermost first. */
export function messageOf(thrown: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = thrown; at !== undefined && parts.length < 8;) {
    const text = at instanceof Error ? at.message : String(at);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ");
}

/** Of the result codes of SQLite (https://sqlite.org/rescode.html); the low byte of an extended one is the code. */
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** The index of the write-ahead log cannot grow, which takes nothing but room. */
const SQLITE_IOERR_SHMSIZE = 4874;
const SQLITE_IOERR_READ = 266;
const SQLITE_IOERR_CORRUPTFS = 8458;

/** Whether an error of the operating system or of SQLite says that the file system is full or over its quota. */
export function isDiskFull(thrown: unknown): boolean {
  const { code, errcode } = (thrown ?? {}) as { code?: string; errcode?: number };
  return code === "ENOSPC" || code === "EDQUOT" || errcode === SQLITE_FULL ||
    errcode === SQLITE_IOERR_SHMSIZE;
}

/**
 * Whether SQLite says that a database is damaged: torn pages, a cut file, something else in its place, or a disk that
 * does not give it back.
 */
export function isDatabaseDamage(thrown: unknown): boolean {
  const { errcode, cause } = (thrown ?? {}) as { errcode?: number; cause?: unknown };
  const code = (errcode ?? 0) & 0xff;
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB || errcode === SQLITE_IOERR_READ ||
    errcode === SQLITE_IOERR_CORRUPTFS || (cause !== undefined && isDatabaseDamage(cause));
}
