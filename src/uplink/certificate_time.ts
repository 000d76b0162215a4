import { inWords, isoTime } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { clockWords, isClockOff, SET_CLOCK } from "../protocol/clock.ts";

/** What is said where a certificate is outside its validity: a clock that is off may be what is wrong. */

/** How the TLS of the runtime, rustls, words it; both times are in seconds since 1970 UTC. */
const OUT_OF_TIME =
  /certificate (?:expired|not valid yet): verification time (\d+) .*? not valid (after|before) (\d+) /;

/**
 * The error for a server's certificate that TLS refused because of its time; undefined when the runtime's words tell
 * of something else. No proof came, so how far the clock is off is known only to be no less than the certificate
 * shows: `clockOffsetBoundMs`, counted as every offset, is in the facts.
 */
export function certificateTimeError(
  authority: string,
  text: string,
  cause: unknown,
): SallyportError | undefined {
  const match = text.match(OUT_OF_TIME);
  if (!match) return undefined;
  const [now, limit] = [Number(match[1]) * 1000, Number(match[3]) * 1000];
  const isAhead = match[2] === "after";
  const validity = isAhead ? `was good until ${isoTime(limit)}` : `is good only from ${isoTime(limit)} on`;
  return new SallyportError(
    "platform.not-trusted",
    `this machine's clock says ${isoTime(now)}, but the certificate of ${authority} ${validity}: ` +
      `the clock is ${isAhead ? "ahead" : "behind"} by about ${inWords(limit - now)} or more, or the ` +
      "certificate is wrong",
    {
      cause,
      retryable: true,
      facts: { clockOffsetBoundMs: limit - now },
      remedy: `${SET_CLOCK} The agent then goes on by itself. If the clock is right, tell the platform's ` +
        "operator that its certificate is outside its validity.",
    },
  );
}

/**
 * What the refusal of this agent's certificate for its time has to say of the clock, in front of the remedy and
 * behind the reason.
 *
 * @param offsetMs the platform's clock minus this machine's, by the proof of the same connection, if there was one
 */
export function clockRemark(offsetMs: number | undefined): { reason: string; remedy: string } {
  if (offsetMs === undefined) return { reason: "", remedy: "Check this machine's clock. " };
  if (!isClockOff(offsetMs)) return { reason: "", remedy: "" };
  return { reason: `; this machine's clock is ${clockWords(offsetMs)}`, remedy: `${SET_CLOCK} ` };
}
