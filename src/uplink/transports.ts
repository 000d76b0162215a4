import type { Clock } from "../base/clock.ts";
import { asSallyportError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { CLOSE } from "../protocol/closing.ts";
import { pollingOpener } from "./polling.ts";
import type { OpenSocket, Socket, SocketOptions } from "./socket.ts";
import { webSocketOpener } from "./socket.ts";
import type { OperatorCas } from "./tls_client.ts";

/** How long to poll before a WebSocket is tried again: the first time, and at most, in milliseconds. */
const FIRST_RETURN_MS = 60_000;
const LAST_RETURN_MS = 3_600_000;
/** WebSockets that the other side may open and close without a word, one after the other. */
const MAX_SILENCES = 3;

export interface TransportsOptions {
  clock: Clock;
  log: Log;
  /** The CAs that TLS trusts beside the platform's own. */
  operatorCas: OperatorCas;
  /** A number in [0, 1): injected so that tests can choose it. */
  random?: () => number;
}

/**
 * Opens a WebSocket, or, where the server answers but a WebSocket cannot be had, a connection that polls. A
 * connection that polls ends by itself after a while, to be made anew at once, and then a WebSocket is tried first:
 * so the agent finds back to it. The waits between such tries double, since each costs a network that lets none
 * pass a refused request.
 */
export function transportsOpener(options: TransportsOptions): OpenSocket {
  const { clock, log, operatorCas, random = Math.random } = options;
  const webSocket = webSocketOpener(clock, operatorCas);
  const polling = pollingOpener(clock, operatorCas);
  let failures = 0;
  let silences = 0;
  /** Until when nothing but polling is tried, on the monotonic clock. */
  let pollUntil = -Infinity;

  const pollFromNow = (reason: string) => {
    const waitMs = Math.min(FIRST_RETURN_MS * 2 ** Math.min(failures++, 20), LAST_RETURN_MS);
    pollUntil = clock.monotonic() + waitMs * (0.75 + random() / 2);
    log.warn("no WebSocket can be had: polling", { reason, webSocketInMs: Math.round(waitMs) });
  };

  const openWebSocket = async (socketOptions: SocketOptions, signal: AbortSignal): Promise<Socket> => {
    const socket = await webSocket(socketOptions, signal);
    return watched(socket, {
      message: () => failures = silences = 0,
      // A middle box that opens WebSockets and lets nothing through looks like this; so does a platform that breaks
      // down, but not again and again.
      silence(waited) {
        if (waited || ++silences >= MAX_SILENCES) pollFromNow("it was opened, and nothing came");
      },
    });
  };

  return async (socketOptions, signal) => {
    if (clock.monotonic() >= pollUntil) {
      try {
        return await openWebSocket(socketOptions, signal);
      } catch (thrown) {
        const error = asSallyportError(thrown);
        if (!error.facts.noWebSocket) throw error;
        pollFromNow(error.message);
      }
    }
    return endingAt(pollUntil, await polling(socketOptions, signal), clock);
  };
}

/** A socket of which some calls are taken by somebody else. */
function decorated(socket: Socket, calls: Partial<Socket>): Socket {
  return {
    transport: socket.transport,
    listen: (listener) => socket.listen(listener),
    proved: (proof) => socket.proved(proof),
    send: (frame) => socket.send(frame),
    close: (code, reason) => socket.close(code, reason),
    ...calls,
  };
}

/** Tells of the first message of a socket, or that it ended without one; `waited`: this side gave up. */
function watched(socket: Socket, told: { message(): void; silence(waited: boolean): void }): Socket {
  let spoke = false;
  let isOver = false;
  const end = (waited: boolean) => {
    if (!isOver && !spoke) told.silence(waited);
    isOver = true;
  };
  return decorated(socket, {
    close(code, reason) {
      end(true); // where nothing comes back, the end of the close handshake does not either
      socket.close(code, reason);
    },
    listen: (listener) =>
      socket.listen({
        ...listener,
        message(frame) {
          if (!spoke) told.message();
          spoke = true;
          listener.message(frame);
        },
        closed(how) {
          end(false);
          listener.closed(how);
        },
      }),
  });
}

/** Ends a socket by plan at a time of the monotonic clock. */
function endingAt(at: number, socket: Socket, clock: Clock): Socket {
  let planned: true | undefined;
  const cancel = clock.after(at - clock.monotonic(), () => {
    planned = true;
    socket.close(CLOSE.normal, "a WebSocket is tried again");
  });
  return decorated(socket, {
    listen: (listener) =>
      socket.listen({
        ...listener,
        closed(how) {
          cancel();
          listener.closed(planned ? { ...how, planned } : how);
        },
      }),
  });
}
