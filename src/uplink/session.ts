/**
 * The life of one connection as a pure state machine: an event goes in, a new state and things to do come out.
 * No sockets, no clocks; every time is milliseconds on a monotonic clock.
 */

/** Where a connection stands. */
export type Phase = "proving" | "greeting" | "ready" | "closed";

export interface SessionState {
  readonly phase: Phase;
  /** The number of the next message (OpAMP: `sequence_num` grows by one a message). */
  readonly nextSequence: bigint;
  readonly heartbeatMs: number;
  /** When the last message was sent, or a heartbeat fell due: the next heartbeat is counted from it. */
  readonly lastSentAt: number;
  /** When the oldest message that still has no answer was sent, or undefined. */
  readonly unansweredSince: number | undefined;
}

export type SessionEvent =
  /** The first message proved the platform, or no proof is asked for. */
  | { type: "proved"; at: number }
  | { type: "sent"; at: number }
  | { type: "received"; at: number }
  /** The platform complains of a message: a sign of life, but no sign that it serves this agent. */
  | { type: "complained" }
  /** The platform has more to say, and can do so only in the answer to a message. */
  | { type: "asked" }
  /** The platform offered another heartbeat interval. */
  | { type: "heartbeat-offered"; heartbeatMs: number }
  | { type: "time"; at: number }
  | { type: "closed" };

export type SessionAction =
  /** Send everything that the platform should know. */
  | { do: "greet" }
  /** The platform has answered: the connection works. */
  | { do: "announce-ready" }
  | { do: "send-heartbeat" }
  /** Nobody answers any more: close and connect anew. */
  | { do: "give-up"; reason: string };

/** An answer must come within this many heartbeat intervals, or the connection counts as dead. */
const DEAD_AFTER_HEARTBEATS = 2;

/** The state of a connection that has just been opened. */
export function openedSession(heartbeatMs: number, at: number): SessionState {
  return { phase: "proving", nextSequence: 0n, heartbeatMs, lastSentAt: at, unansweredSince: at };
}

/**
 * The transition of one event.
 *
 * @throws {TypeError} for an event that is impossible in that phase: a defect of the caller.
 */
export function step(state: SessionState, event: SessionEvent): [SessionState, SessionAction[]] {
  switch (event.type) {
    case "proved":
      if (state.phase !== "proving") throw illegal(state, event);
      return [{ ...state, phase: "greeting", unansweredSince: undefined, lastSentAt: event.at }, [{
        do: "greet",
      }]];

    case "sent":
      if (state.phase !== "greeting" && state.phase !== "ready") throw illegal(state, event);
      return [{
        ...state,
        nextSequence: state.nextSequence + 1n,
        lastSentAt: event.at,
        unansweredSince: state.unansweredSince ?? event.at,
      }, []];

    case "received": {
      const answered = { ...state, unansweredSince: undefined };
      if (state.phase === "greeting") return [{ ...answered, phase: "ready" }, [{ do: "announce-ready" }]];
      if (state.phase === "ready") return [answered, []];
      throw illegal(state, event);
    }

    case "complained":
      return [state.phase === "ready" ? { ...state, unansweredSince: undefined } : state, []];

    case "asked":
      return [state, state.phase === "ready" ? [{ do: "send-heartbeat" }] : []];

    case "heartbeat-offered":
      return [{ ...state, heartbeatMs: event.heartbeatMs }, []];

    case "time": {
      const actions = due(state, event.at);
      const isBeating = actions.some((action) => action.do === "send-heartbeat");
      // A heartbeat that cannot be sent, because the disk is full, say, is not due again at once.
      return [isBeating ? { ...state, lastSentAt: event.at } : state, actions];
    }

    case "closed":
      return [{ ...state, phase: "closed" }, []];
  }
}

/** When {@linkcode step} wants to be told the time next: the earliest moment at which something falls due. */
export function nextDeadline(state: SessionState): number | undefined {
  if (state.phase === "closed" || state.heartbeatMs === 0) return undefined;
  const heartbeat = state.phase === "ready" ? state.lastSentAt + state.heartbeatMs : Infinity;
  const dead = (state.unansweredSince ?? Infinity) + DEAD_AFTER_HEARTBEATS * state.heartbeatMs;
  const deadline = Math.min(heartbeat, dead);
  return deadline === Infinity ? undefined : deadline;
}

function due(state: SessionState, at: number): SessionAction[] {
  if (state.phase === "closed" || state.heartbeatMs === 0) return [];
  const silentMs = at - (state.unansweredSince ?? at);
  if (silentMs >= DEAD_AFTER_HEARTBEATS * state.heartbeatMs) {
    const seconds = Math.round(silentMs / 1000);
    return [{ do: "give-up", reason: `the platform has not answered for ${seconds} s` }];
  }
  const isDue = state.phase === "ready" && at - state.lastSentAt >= state.heartbeatMs;
  return isDue ? [{ do: "send-heartbeat" }] : [];
}

function illegal(state: SessionState, event: SessionEvent): TypeError {
  return new TypeError(`the event "${event.type}" is impossible while a session is "${state.phase}"`);
}
