import { ERROR_CODES, messageOf, SallyportError } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";

/** One server-sent event. */
export interface StreamedEvent {
  type: string;
  data: Record<string, unknown>;
}

/** The platform's API, with a token. */
export class PlatformClient implements Disposable {
  readonly #url: string;
  readonly #token: string;
  readonly #client: Deno.HttpClient;

  /** `ca` is PEM; without it the runtime's own roots count. */
  constructor(url: string, token: string, ca: string | undefined) {
    this.#url = url.replace(/\/$/, "");
    this.#token = token;
    this.#client = Deno.createHttpClient(ca === undefined ? {} : { caCerts: [ca] });
  }

  /**
   * Calls the API below `/api/v1` and gives its JSON.
   *
   * @throws {SallyportError} what the platform answered, or `platform.unreachable`, `platform.not-trusted`.
   */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, {}, body);
    return await response.json() as T;
  }

  /** What happens on the platform, until `signal` aborts or the platform ends it. */
  async *events(signal: AbortSignal): AsyncGenerator<StreamedEvent> {
    const response = await this.#fetch("GET", "/events", { signal });
    let rest = "";
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop()!;
        for (const block of blocks) {
          const [, type, data] = block.match(/^(?:id: .+\n)?event: (.+)\ndata: (.+)$/) ?? [];
          if (type && data) yield { type, data: JSON.parse(data) };
        }
      }
    } catch (cause) {
      if (!signal.aborted) throw unreachable(this.#url, cause);
    }
  }

  /** The bytes of an answer as they come. It breaks off with an error when they do not come to their end. */
  async *bytes(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const response = await this.#fetch("GET", path, { signal });
    try {
      yield* response.body!;
    } catch (cause) {
      if (!signal.aborted) throw unreachable(this.#url, cause);
    }
  }

  async #fetch(method: string, path: string, init: RequestInit, body?: unknown): Promise<Response> {
    const response = await fetch(`${this.#url}/api/v1${path}`, {
      ...init,
      method,
      client: this.#client,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((cause) => {
      if (init.signal?.aborted) {
        throw new SallyportError("request.cancelled", "it was broken off here", { cause });
      }
      throw unreachable(this.#url, cause);
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

async function refusal(response: Response): Promise<SallyportError> {
  const { error } = await response.json().catch(() => ({})) as {
    error?: { code: string; message: string; remedy: string };
  };
  if (!error) {
    return new SallyportError("platform.refused", `the platform answered ${response.status} and no reason`);
  }
  return new SallyportError(knownCode(error.code), error.message, { remedy: error.remedy });
}

/** A code that came from the platform, where this program knows it. */
export function knownCode(code: string | undefined): ErrorCode {
  return ERROR_CODES.find((each) => each === code) ?? "platform.refused";
}

function unreachable(url: string, cause: unknown): SallyportError {
  // The runtime has one kind of error for both: only its words tell a bad certificate from a dead host.
  if (messageOf(cause).includes("invalid peer certificate")) {
    return new SallyportError("platform.not-trusted", `TLS does not trust the platform at ${url}`, {
      cause,
      remedy: "Give its CA with --ca FILE; it is ca.pem in the platform's data folder.",
    });
  }
  return new SallyportError("platform.unreachable", `the platform at ${url} cannot be reached`, {
    cause,
    retryable: true,
    remedy: "Check the address, and that the platform runs.",
  });
}
