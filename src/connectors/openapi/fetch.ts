import { SallyportError } from "../../base/errors.ts";
import { MAX_API_DESCRIPTION_BYTES } from "../../base/limits.ts";
import type { Secrets } from "../connections/secrets.ts";
import { connectionError } from "../connections/connection_error.ts";

export interface Fetched {
  url: string;
  /** A file in `secrets/` with a bearer token. */
  token?: string | undefined;
  /** A file in `secrets/` with the CA that signed the server's certificate. */
  ca?: string | undefined;
}

/**
 * Fetches a document by one GET, which follows no redirect.
 *
 * @throws {SallyportError} `connection.*` or `schema.unreadable`.
 */
export async function fetchDocument(
  { url, token, ca }: Fetched,
  secrets: Secrets,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const headers: Record<string, string> = { accept: "application/json, application/yaml;q=0.9, */*;q=0.1" };
  if (token !== undefined) headers.authorization = `Bearer ${await secrets.secret(token)}`;
  using client = Deno.createHttpClient({
    ...ca === undefined ? {} : { caCerts: [await secrets.certificates(ca)] },
  });
  let response: Response;
  try {
    response = await fetch(url, { headers, redirect: "manual", signal, client });
  } catch (cause) {
    throw connectionError(url, "connecting", cause, {
      remedy:
        "Check the address, that the server runs, firewalls between, and with https the certificate: ca: FILE " +
        "in connections.yaml names the CA of your own. The cause tells which it was.",
    });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw refusal(url, response);
  }
  return await readBounded(response, url);
}

function refusal(url: string, { status, headers }: Response): SallyportError {
  const elsewhere = status >= 300 && status < 400;
  const location = elsewhere ? ` and sends to ${headers.get("location") ?? "nowhere"}` : "";
  return connectionError(url, "logging-in", `the server answered ${status}${location}`, {
    what: "the server does not give it out",
    remedy: elsewhere
      ? "Redirects are not followed: write the address at which the document is."
      : "Check the address, and the token if the server wants one: token: FILE, with a file in secrets/.",
    retryable: status >= 500,
  });
}

async function readBounded(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_API_DESCRIPTION_BYTES) throw tooLarge(url);
    }
  } catch (cause) {
    throw cause instanceof SallyportError ? cause : connectionError(url, "reading", cause);
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Why a description is not read. */
export function tooLarge(where: string): SallyportError {
  const mebibytes = MAX_API_DESCRIPTION_BYTES / 2 ** 20;
  return new SallyportError("schema.unreadable", `${where} is larger than ${mebibytes} MiB`, {
    remedy: "No description of an API is: check that the address or the file is the right one.",
  });
}
