import type { Clock } from "../base/clock.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import { CHALLENGE_HEADER, PROBE_HEADER } from "../protocol/proof.ts";

/** What one TLS connection to the platform is made with. */
export interface SocketOptions {
  /** `host:port`. */
  authority: string;
  path: "/v1/opamp" | "/v1/enroll";
  /** The platform's CA as PEM, or "public": the roots that the runtime carries. */
  ca: string;
  /** The client certificate and its key, PEM. */
  certificate: string;
  key: string;
  /** The challenge that the platform must answer before anything is sent; undefined for a plain OpAMP server. */
  challenge: string | undefined;
  /** Asks the platform only whether it would take this agent. */
  probe?: boolean;
}

/** How a socket ended. */
export interface SocketClosed {
  /** The WebSocket close code; 1006 when the connection broke without one. */
  code: number;
  reason: string;
}

/** Who is told what happens on a socket, in the order of the events; `closed` comes once and last. */
export interface SocketListener {
  message(frame: Uint8Array<ArrayBuffer>): void;
  closed(how: SocketClosed): void;
}

/** One open WebSocket. */
export interface Socket {
  /** Names the listener, which is also told of what came before it was named. Call it once. */
  listen(listener: SocketListener): void;
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(code: number, reason: string): void;
}

/** Opens a socket. Injected, so that other transports can stand in its place. */
export type OpenSocket = (options: SocketOptions, signal: AbortSignal) => Promise<Socket>;

/** How long a connection may take to stand: name, TCP, TLS and upgrade together. */
const CONNECT_MS = 20_000;
/** How long the question may take why it could not be made. */
const DIAGNOSIS_MS = 5_000;

/**
 * Opens WebSockets with the native client: mutual TLS, 1.2 or newer, the server's name checked.
 *
 * It throws {@linkcode SallyportError} `platform.unreachable`, `platform.not-trusted` when the server's certificate
 * is not one that the CA vouches for, or `bundle.wrong-platform` when this executable may not reach that address.
 */
export function webSocketOpener(clock: Clock): OpenSocket {
  return async (options, signal) => {
    const { authority, ca, certificate, key } = options;
    const client = Deno.createHttpClient({
      ...(ca === "public" ? {} : { caCerts: [ca] }),
      cert: certificate,
      key,
    });
    const timeout = new AbortController();
    const cancel = clock.after(CONNECT_MS, () => timeout.abort());
    try {
      return await open(options, client, AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      const cause = timeout.signal.aborted ? new Error(`nothing came within ${CONNECT_MS / 1000} s`) : error;
      const stopped = signal.aborted || timeout.signal.aborted;
      throw asConnectionError(authority, stopped ? cause : await diagnose(authority, client, cause, clock));
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
  const early: ((listener: SocketListener) => void)[] = [];
  let tell = (event: (listener: SocketListener) => void) => {
    early.push(event);
  };
  const socket: Socket = {
    listen(listener) {
      for (const event of early.splice(0)) event(listener);
      tell = (event) => event(listener);
    },
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
    tell((listener) => listener.message(frame));
  };
  native.onerror = (event) => failure = event instanceof ErrorEvent ? event.message : "unknown";
  native.onclose = ({ code, reason }) => {
    if (!opened) return reject(new Error(failure || reason || "it was closed"));
    client.close();
    tell((listener) => listener.closed({ code: code || 1006, reason: reason || failure }));
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
    return new Error(`the server answers, but opens no WebSocket: ${String(failure)}`);
  } catch (error) {
    return timeout.signal.aborted ? failure : error;
  } finally {
    cancel();
    client.close();
  }
}

function asConnectionError(authority: string, cause: unknown): SallyportError {
  if (cause instanceof Deno.errors.NotCapable) {
    return new SallyportError(
      "bundle.wrong-platform",
      `this executable may not reach ${authority}: another platform's address is baked into it`,
      {
        cause,
        remedy:
          "`sallyport permissions` shows the address. Get the executable that was made for your platform.",
      },
    );
  }
  const text = messageOf(cause);
  if (/invalid peer certificate/.test(text)) {
    return new SallyportError(
      "platform.not-trusted",
      `${authority} shows a certificate that is not trusted: ${text}`,
      {
        cause,
        retryable: true,
        remedy:
          "Either something between here and the platform intercepts TLS, or the platform has another CA than " +
          "the one in your enrolment bundle. Ask whoever runs the network for an exception, or for a new bundle.",
      },
    );
  }
  if (/unsuccessful tunnel|proxy auth/.test(text)) {
    return new SallyportError(
      "platform.unreachable",
      `the proxy does not connect to ${authority}: ${text}`,
      {
        cause,
        retryable: true,
        facts: { proxy: true },
        remedy:
          "Check the name and password in the agent's HTTPS_PROXY, and that the proxy allows CONNECT to this " +
          "address and port.",
      },
    );
  }
  return new SallyportError("platform.unreachable", `${authority} cannot be reached: ${text}`, {
    cause,
    retryable: true,
    remedy:
      "Check the network, the name and the port, that the platform runs, and the proxy if HTTPS_PROXY names one.",
  });
}
