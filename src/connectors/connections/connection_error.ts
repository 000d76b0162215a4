import { messageOf, SallyportError } from "../../base/errors.ts";
import type { ErrorCode } from "../../base/errors.ts";

/** How far a connection came before it failed. */
export type Stage = "connecting" | "securing" | "logging-in" | "reading";

/** What is said of a failure. */
export interface Explanation {
  code: ErrorCode;
  what: string;
  remedy: string;
  retryable: boolean;
}

const BY_STAGE: Record<Stage, Explanation> = {
  connecting: {
    code: "connection.unreachable",
    what: "nothing answers",
    remedy: "Check host and port in connections.yaml, that the server runs, and firewalls between.",
    retryable: true,
  },
  securing: {
    code: "connection.not-trusted",
    what: "no TLS connection that can be trusted comes about",
    remedy:
      "If the server's certificate is by a CA of your own, put the CA's certificate into a file in secrets/ and " +
      "name it: tls: { ca: FILE }. The host must be one of the certificate's names. If the server has no TLS, and " +
      "the network between is trusted: tls: off.",
    retryable: false,
  },
  "logging-in": {
    code: "connection.refused",
    what: "the login is refused",
    remedy:
      "Check user, password file and database in connections.yaml, and the user's rights on the server.",
    retryable: false,
  },
  reading: {
    code: "schema.unreadable",
    what: "the schema cannot be read",
    remedy: "The server's own words tell more; its log may tell the rest.",
    retryable: true,
  },
};

/**
 * Says what became of a connection to a server, by how far it came and not by the words of a driver.
 *
 * @param better what is known beyond that, such as from a code of the server's
 */
export function connectionError(
  server: string,
  stage: Stage,
  cause: unknown,
  better: Partial<Explanation> = {},
): SallyportError {
  const { code, what, remedy, retryable } = { ...BY_STAGE[stage], ...better };
  return new SallyportError(code, `${server}: ${what}`, {
    cause: new Error(messageOf(cause)),
    remedy,
    retryable,
  });
}
