/** What one check found: good, worth a look, broken, or not to be known at this moment. */
export type Verdict = "ok" | "warn" | "fail" | "skipped";

/** One line of `sallyport doctor`. */
export interface Check {
  name: string;
  verdict: Verdict;
  /** What was looked at, and what was found. */
  reason: string;
  /** What to do about it, for the person who reads it. */
  remedy?: string;
}

/** Everything is as it should be. */
export function ok(name: string, reason: string): Check {
  return { name, verdict: "ok", reason };
}

/** It works, but somebody should look at it. */
export function warn(name: string, reason: string, remedy: string): Check {
  return { name, verdict: "warn", reason, remedy };
}

/** The agent cannot work like this. */
export function fail(name: string, reason: string, remedy: string): Check {
  return { name, verdict: "fail", reason, remedy };
}

/** It could not be looked at, and why. */
export function skipped(name: string, reason: string, remedy?: string): Check {
  return { name, verdict: "skipped", reason, ...remedy === undefined ? {} : { remedy } };
}

/** The verdict over all checks: that of the worst. */
export function overall(checks: readonly Check[]): Exclude<Verdict, "skipped"> {
  const verdicts = checks.map(({ verdict }) => verdict);
  return verdicts.includes("fail") ? "fail" : verdicts.includes("warn") ? "warn" : "ok";
}
