/**
 * The renewal of the agent's certificate as a pure state machine: an event goes in, a new state and things to do
 * come out. OpAMP, "Certificate Requests": the agent asks, keeps the answer as a candidate, connects with it, and
 * promotes it when the platform answers, or goes back. There is one state, so two renewals never run at once.
 */

/** The two identities that a connection can be made with. */
export type Holder = "current" | "candidate";

export type RenewalState =
  /** Nothing to do before `dueAt`, milliseconds since 1970 UTC. */
  | { readonly phase: "resting"; readonly dueAt: number }
  /** A certificate is asked for, again at `againAt` (monotonic) if no answer has come by then. */
  | { readonly phase: "asking"; readonly asked: number; readonly againAt: number }
  /** A candidate is there, and one of the two identities is tried until the platform answers one of them. */
  | { readonly phase: "trying"; readonly as: Holder; readonly failures: number; readonly reason: string }
  /** The platform has answered one of them; what follows from that is being written down. */
  | { readonly phase: "settling" };

export type RenewalEvent =
  /** Time has passed: the platform's time, by which certificates live, and the monotonic clock. */
  | { type: "time"; now: number; at: number }
  /** A new key is wanted, due or not, but not before a time of the same clock as `now`. */
  | { type: "wanted"; now: number; at: number; notBefore: number }
  /** The platform has answered on a connection made with this identity. */
  | { type: "answered"; as: Holder; at: number }
  /** A connection with this identity ended, or could not be made; `refused`: because of its certificate. */
  | { type: "ended"; as: Holder; refused: boolean; reason: string }
  /** A certificate for the candidate's key has come and is on disk. */
  | { type: "offered" }
  /** What the platform's answer asked for is written down; the next renewal is due then. */
  | { type: "settled"; dueAt: number };

export type RenewalAction =
  /** Ask for a certificate, if somebody is connected. */
  | { do: "ask" }
  /** Make the next connection, at once, with this identity. */
  | { do: "use"; as: Holder }
  /** The candidate becomes the identity. */
  | { do: "promote" }
  /** The candidate is thrown away; the identity stays. */
  | { do: "abandon"; reason: string };

/** A candidate that cannot connect may be the victim of a bad network: it gets as many tries. */
const TRIES = 3;
const ASK_AGAIN_MS = 30_000;
const ASK_AGAIN_CAP_MS = 3_600_000;

/** The transition of one event. */
export function step(state: RenewalState, event: RenewalEvent): [RenewalState, RenewalAction[]] {
  switch (event.type) {
    case "time":
      if (state.phase === "resting" && event.now >= state.dueAt) return ask(0, event.at);
      if (state.phase === "asking" && event.at >= state.againAt) return ask(state.asked, event.at);
      return [state, []];

    case "wanted": {
      const { now, at, notBefore } = event;
      if (state.phase === "asking" && now >= notBefore) return ask(state.asked, at);
      if (state.phase !== "resting") return [state, []]; // a new key is asked for, or tried, this very moment
      return now >= notBefore ? ask(0, at) : [{ ...state, dueAt: Math.min(state.dueAt, notBefore) }, []];
    }

    case "answered":
      if (state.phase === "asking") return ask(state.asked, event.at);
      if (state.phase !== "trying") return [state, []];
      // The one that was on its way when the other was chosen.
      if (event.as !== state.as && event.as === "current") return [state, [{ do: "use", as: state.as }]];
      return [
        { phase: "settling" },
        [event.as === "candidate" ? { do: "promote" } : { do: "abandon", reason: state.reason }],
      ];

    case "ended": {
      if (state.phase !== "trying" || event.as !== state.as) return [state, []];
      const failures = state.failures + 1;
      // What is told later is why the candidate failed, not why the other did meanwhile.
      const reason = event.as === "candidate" ? event.reason : state.reason;
      if (!event.refused && failures < TRIES) return [{ ...state, failures, reason }, []];
      const as = state.as === "candidate" ? "current" : "candidate";
      return [{ phase: "trying", as, failures: 0, reason }, [{ do: "use", as }]];
    }

    case "offered":
      if (state.phase !== "asking") return [state, []];
      return [trying(), [{ do: "use", as: "candidate" }]];

    case "settled":
      return [{ phase: "resting", dueAt: event.dueAt }, []];
  }
}

/** The state that begins with the candidate: after an offer, and after a start that finds one on disk. */
export function trying(): RenewalState {
  return { phase: "trying", as: "candidate", failures: 0, reason: "" };
}

/**
 * When a certificate is to be renewed: at two thirds of its life, and up to a twentieth of it later, so that
 * agents that were enrolled together do not come together.
 */
export function dueTime(
  { notBefore, notAfter }: { notBefore: number; notAfter: number },
  random: () => number,
): number {
  const life = notAfter - notBefore;
  return notBefore + life * (2 / 3 + random() / 20);
}

function ask(asked: number, at: number): [RenewalState, RenewalAction[]] {
  const waitMs = Math.min(ASK_AGAIN_MS * 2 ** Math.min(asked, 20), ASK_AGAIN_CAP_MS);
  return [{ phase: "asking", asked: asked + 1, againAt: at + waitMs }, [{ do: "ask" }]];
}
