import { SallyportError } from "../base/errors.ts";
import { CHALLENGE_HEADER } from "../protocol/proof.ts";

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
  /** Bytes that were handed to {@linkcode send} and are not on the wire yet. */
  readonly buffered: number;
}

/** Opens a socket. Injected, so that other transports can stand in its place. */
export type OpenSocket = (options: SocketOptions, signal: AbortSignal) => Promise<Socket>;

/**
 * Opens a WebSocket with the native client: mutual TLS, 1.2 or newer, the server's name checked.
 *
 * @throws {SallyportError} `platform.unreachable`, `platform.not-trusted` when the server's certificate is not
 * one that the CA vouches for, or `bundle.wrong-platform` when this executable may not reach that address.
 */
export const openWebSocket: OpenSocket = (options, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const { authority, path, ca, certificate, key, challenge } = options;
  const client = Deno.createHttpClient({
    ...(ca === "public" ? {} : { caCerts: [ca] }),
    cert: certificate,
    key,
  });
  let native: WebSocket;
  try {
    native = new WebSocket(`wss://${authority}${path}`, {
      client,
      headers: challenge === undefined ? {} : { [CHALLENGE_HEADER]: challenge },
    } as unknown as string[]); // the runtime takes options here; the DOM's types know only protocols
  } catch (cause) {
    client.close();
    throw asConnectionError(authority, cause);
  }
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
    get buffered() {
      return native.bufferedAmount;
    },
  };
  const abort = () => native.close();
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
    client.close();
    if (opened) tell((listener) => listener.closed({ code: code || 1006, reason: reason || failure }));
    else reject(asConnectionError(authority, new Error(failure || reason || "the attempt was stopped")));
  };
  return promise;
};

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
  const text = String(cause);
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
  return new SallyportError("platform.unreachable", `${authority} cannot be reached: ${text}`, {
    cause,
    retryable: true,
    remedy: "Check the network, the name and the port, and that the platform runs.",
  });
}
