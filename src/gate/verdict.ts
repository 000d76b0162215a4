import type { PayloadClass } from "./policy/options.ts";

/**
 * What the gate says of one thing that wants to leave.
 *
 * - `allow`: it may, as it is
 * - `shape`: it may, in this form
 * - `hold`: not now, and it is kept
 * - `drop`: never; `unfit` when not by the policy, but because it is not what its class carries
 */
export type Verdict<T> =
  | { verdict: "allow" | "shape"; payload: T; reason?: undefined }
  | { verdict: "hold" | "drop"; payload?: undefined; reason: string; unfit?: true };

/** What a verdict depends on, beside the thing itself and the policy. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  now: number;
  /** The bytes that left today, in UTC, by class. */
  spent: Readonly<Record<PayloadClass, number>>;
}
