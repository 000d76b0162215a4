import type { Clock } from "../base/clock.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import type { Proof } from "../protocol/proof.ts";
import { CHALLENGE_HEADER, PROBE_HEADER } from "../protocol/proof.ts";
import { asConnectionError } from "./connection_error.ts";
import type { OperatorCas, TlsSettings } from "./tls_client.ts";
import { createTlsClient, noOperatorCas } from "./tls_client.ts";

/** What one TLS connection to the platform is made with. */
export interface SocketOptions extends TlsSettings {
  /** `host:port`. */
  authority: string;
  path: "/v1/opamp" | "/v1/enroll";
  /** The challenge that the platform must answer before anything is sent; undefined for a plain OpAMP server. */
  challenge: string | undefined;
  /** Asks the platform only whether it would take this agent. */
  probe?: boolean;
}

/** What carries the messages. */
export type Transport = "websocket" | "polling";

/** How a socket ended. */
export interface SocketClosed {
  /** The WebSocket close code; 1006 when the connection broke without one. */
  code: number;
  reason: string;
  /** The wait before the next try is at least this long, in milliseconds: the server asked for it. */
  retryAfterMs?: number;
  /** This side ended it, to connect anew at once. */
  planned?: true;
}

/** Who is told what happens on a socket, in the order of the events; `closed` comes once and last. */
export interface SocketListener {
  message(frame: Uint8Array<ArrayBuffer>): void;
  /** The platform has more to say, and can do so only in the answer to a message. */
  more?(): void;
  closed(how: SocketClosed): void;
}

/** One open connection that carries OpAMP's messages, each as a frame of a WebSocket. */
export interface Socket {
  readonly transport: Transport;
  /** Names the listener, which is also told of what came before it was named. Call it once. */
  listen(listener: SocketListener): void;
  /** The platform has proved itself by this: from now on something will be sent. */
  proved(proof: Proof): void;
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(code: number, reason: string): void;
}

/** Opens a socket. Injected, so that other transports can stand in its place. */
export type OpenSocket = (options: SocketOptions, signal: AbortSignal) => Promise<Socket>;

/** How long a connection may take to stand: name, TCP, TLS and upgrade together. */
const CONNECT_MS = 20_000;
/** How long the question may take why it could not be made. */
const DIAGNOSIS_MS = 5_000;

/** The events of a socket, kept until somebody listens. */
export class SocketEvents {
  #early: ((listener: SocketListener) => void)[] = [];
  #listener: SocketListener | undefined;

  /** Names who is told, first of what has come already. */
  listen(listener: SocketListener): void {
    this.#listener = listener;
    for (const event of this.#early.splice(0)) event(listener);
  }

  /** Tells the listener, now or when there is one. */
  tell(event: (listener: SocketListener) => void): void {
    if (this.#listener) event(this.#listener);
    else this.#early.push(event);
  }
}

/**
 * Opens WebSockets with the native client: mutual TLS, 1.2 or newer, the server's name checked.
 *
 * It throws what {@linkcode asConnectionError} makes of a failure.
 */
export function webSocketOpener(clock: Clock, operatorCas: OperatorCas = noOperatorCas): OpenSocket {
  return async (options, signal) => {
    const { authority } = options;
    const client = createTlsClient(options, await operatorCas());
    const timeout = new AbortController();
    const cancel = clock.after(CONNECT_MS, () => timeout.abort());
    try {
      return await open(options, client, AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      const cause = timeout.signal.aborted ? new Error(`nothing came within ${CONNECT_MS / 1000} s`) : error;
      if (signal.aborted) client.close();
      throw asConnectionError(
        authority,
        signal.aborted ? cause : await diagnose(authority, client, cause, clock),
      );
    } finally {
      cancel();
    }
  };
}

function open(options: SocketOptions, client: Deno.HttpClient, signal: AbortSignal): Promise<Socket> {
  const { authority, path, challenge, probe } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const native = new WebSocket(`wss://${authority}${path}`, {
    client,
    headers: {
      ...(challenge === undefined ? {} : { [CHALLENGE_HEADER]: challenge }),
      ...(probe ? { [PROBE_HEADER]: "1" } : {}),
    },
  } as unknown as string[]); // the runtime takes options here; the DOM's types know only protocols
  native.binaryType = "arraybuffer";

  let failure = "";
  let opened = false;
  const events = new SocketEvents();
  const socket: Socket = {
    transport: "websocket",
    listen: (listener) => events.listen(listener),
    proved() {},
    send: (frame) => native.send(frame),
    close: (code, reason) => native.close(code, reason),
  };
  const abort = () => {
    native.close();
    reject(new Error("the attempt was stopped"));
  };
  signal.addEventListener("abort", abort, { once: true });
  native.onopen = () => {
    opened = true;
    signal.removeEventListener("abort", abort);
    resolve(socket);
  };
  native.onmessage = ({ data }) => {
    // A text frame has no place in OpAMP; as an empty frame it fails in the codec, with the reason.
    const frame = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array();
    events.tell((listener) => listener.message(frame));
  };
  native.onerror = (event) => failure = event instanceof ErrorEvent ? event.message : "unknown";
  native.onclose = ({ code, reason }) => {
    if (!opened) return reject(new Error(failure || reason || "it was closed"));
    client.close();
    events.tell((listener) => listener.closed({ code: code || 1006, reason: reason || failure }));
  };
  return promise;
}

/**
 * Why a WebSocket could not be opened. After a failed handshake the runtime tries again with HTTP/2 and tells only
 * how that failed, so a bare request, which carries nothing, asks what is wrong with the server's certificate, or
 * what the platform has to say.
 */
async function diagnose(
  authority: string,
  client: Deno.HttpClient,
  failure: unknown,
  clock: Clock,
): Promise<unknown> {
  if (failure instanceof Deno.errors.NotCapable || /tcp connect|dns/.test(String(failure))) {
    client.close();
    return failure;
  }
  const timeout = new AbortController();
  const cancel = clock.after(DIAGNOSIS_MS, () => timeout.abort());
  try {
    const response = await fetch(`https://${authority}/`, { method: "HEAD", client, signal: timeout.signal });
    await response.body?.cancel();
    return noWebSocket(authority, through(response), failure);
  } catch (error) {
    return timeout.signal.aborted ? failure : error;
  } finally {
    cancel();
    client.close();
  }
}

/** The proxies that opened TLS and name themselves (RFC 9110, 7.6.3), as a part of a sentence. */
export function through(response: Response): string {
  const via = response.headers.get("via");
  return via === null ? "" : ` through "${via}"`;
}

/** TLS stood and HTTP was answered: what does not work is the WebSocket, and HTTP polling may. */
function noWebSocket(authority: string, proxies: string, cause: unknown): SallyportError {
  return new SallyportError(
    "platform.unreachable",
    `${authority} answers${proxies}, but opens no WebSocket: ${messageOf(cause)}`,
    {
      cause,
      retryable: true,
      facts: { noWebSocket: true },
      remedy:
        "Something between here and the platform does not let WebSockets pass. The agent polls instead.",
    },
  );
}
