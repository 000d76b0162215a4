import type { Clock } from "../../base/clock.ts";
import { MAX_CREDIT_BYTES } from "../../base/limits.ts";

/** Whoever sends records, and can be told later how much more is taken. */
export interface Sender {
  grant(credit: number): void;
}

/** Credit for less than this is none: many small batches cost more than few large ones. */
const MIN_CREDIT_BYTES = 64 * 1024;
/** Small batches say more about a commit than about bytes. */
const MEASURED_BYTES = 32 * 1024;
/** Up to this share of its time the store counts as idle, and everybody may send as much as the protocol allows. */
const IDLE_SHARE = 0.5;
/** What is granted together is what the store takes in this time. */
const SPAN_MS = 1_000;
/** Whoever has sent nothing for this long is not sending: longer than what was granted takes to arrive. */
const QUIET_MS = 2_000;
/** How often those who wait are looked at when nobody else moves. */
const LOOK_MS = 250;

/**
 * The platform's side of backpressure: how many bytes each agent may have on the way. While the store is busy, what
 * it takes in a second is shared between the agents that are sending; when that is too little for all, they take
 * turns, first come, first served, and the others wait with a credit of 0.
 */
export class Intake {
  readonly #clock: Clock;
  /** Milliseconds of storing, the older the less they count: a store that never rests comes to SPAN_MS. */
  #busyMs = 0;
  #busyAt = 0;
  /** Bytes that the store takes in a millisecond; until one is measured, as if there were no end. */
  #rate = Infinity;
  /** Who is sending, and when they were heard last. */
  readonly #sending = new Map<Sender, number>();
  readonly #waiting = new Set<Sender>();
  #cancelLook: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A batch was stored, which took so long: what its sender may have on the way from now on, in bytes. */
  stored(sender: Sender, bytes: number, tookMs: number): number {
    const now = this.#clock.monotonic();
    this.#busyMs = this.#busyMs * Math.exp((this.#busyAt - now) / SPAN_MS) + Math.min(tookMs, SPAN_MS);
    this.#busyAt = now;
    if (bytes >= MEASURED_BYTES) {
      const rate = bytes / Math.max(tookMs, 0.1);
      this.#rate = this.#rate === Infinity ? rate : 0.8 * this.#rate + 0.2 * rate;
    }
    return this.creditFor(sender);
  }

  /** What somebody who wants to send may have on the way; when it is 0, {@linkcode Sender.grant} says the rest. */
  creditFor(sender: Sender): number {
    this.#sending.delete(sender);
    this.#waiting.add(sender); // behind those who wait already: this is what makes it turns
    let credit = 0;
    this.#admit((admitted, share) => admitted === sender ? credit = share : admitted.grant(share));
    return credit;
  }

  /** Somebody is gone. */
  left(sender: Sender): void {
    this.#sending.delete(sender);
    this.#waiting.delete(sender);
    this.#admit((admitted, share) => admitted.grant(share));
  }

  /** Gives turns to those who wait, in their order, for as long as there is a share for one more. */
  #admit(tell: (sender: Sender, share: number) => void): void {
    const now = this.#clock.monotonic();
    for (const [sender, heard] of this.#sending) if (now - heard > QUIET_MS) this.#sending.delete(sender);
    for (const sender of this.#waiting) {
      const share = this.#share(this.#sending.size + 1, now);
      if (share === 0) break;
      this.#waiting.delete(sender);
      this.#sending.set(sender, now);
      tell(sender, share);
    }
    if (this.#waiting.size > 0) {
      this.#cancelLook ??= this.#clock.after(LOOK_MS, () => {
        this.#cancelLook = undefined;
        this.#admit((sender, share) => sender.grant(share));
      });
    } else {
      this.#cancelLook?.();
      this.#cancelLook = undefined;
    }
  }

  /** What each of so many gets; 0 when it is too little. One alone always gets something. */
  #share(senders: number, now: number): number {
    const busyShare = this.#busyMs * Math.exp((this.#busyAt - now) / SPAN_MS) / SPAN_MS;
    const share = busyShare <= IDLE_SHARE ? Infinity : this.#rate * SPAN_MS / senders;
    if (share < MIN_CREDIT_BYTES && senders > 1) return 0;
    return Math.floor(Math.min(MAX_CREDIT_BYTES, Math.max(MIN_CREDIT_BYTES, share)));
  }
}
