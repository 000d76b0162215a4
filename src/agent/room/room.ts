import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { isDatabaseError } from "../../base/sqlite.ts";
import type { RunPause } from "../../engine/run_pause.ts";
import type { Condition } from "../../protocol/conditions.ts";
import { Reserve, SLICE_BYTES } from "./reserve.ts";

const MIB = 1024 * 1024;
/** Runs pause when less than this is free beside the reserve, ... */
const SCARCE_BYTES = SLICE_BYTES;
/** ... and go on when this is: more, so that a disk at its edge does not start and stop them again and again. */
const AMPLE_BYTES = 4 * MIB;
/** A task that still finds no room after so many slices will not find it by more of them. */
const SLICES_A_TASK = 4;
const NO_RESERVE = "no room can be kept back on the disk";

/**
 * The reserve of a home whose database is about to be opened. That takes room as well: the database's log and its
 * index are files of their own.
 */
export function openReserve(path: string, log: Log): Reserve {
  const reserve = new Reserve(path);
  try {
    if (!reserve.hasRoom(SCARCE_BYTES)) reserve.giveUp();
  } catch (error) {
    log.error(NO_RESERVE, { reason: messageOf(error) });
  }
  return reserve;
}

export interface RoomOptions {
  reserve: Reserve;
  pause: RunPause;
  log: Log;
}

/**
 * Looks after the room on the disk of the agent's home. While it is scarce no run begins, and what was kept back is
 * given up bit by bit for what must be written before anything can leave.
 */
export class Room {
  readonly #options: RoomOptions;
  #isScarce: boolean;
  #fault = "";

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#isScarce = options.reserve.wasNeeded || options.pause.reason() !== "";
  }

  /** Does work on the state database, and again with a slice of the reserve when it failed for want of room. */
  attempt<T>(work: () => T): T {
    for (let slices = 0;; slices++) {
      try {
        return work();
      } catch (error) {
        // By its code alone a failure is not known for what it is: over a quota, say, SQLite has an "I/O error".
        if (slices === SLICES_A_TASK || !isDatabaseError(error) || !this.#makeRoom()) throw error;
      }
    }
  }

  /** Measures the room, and builds the reserve up again where there is some. */
  look(): void {
    const { reserve } = this.#options;
    const isAmple = this.#asking(() => reserve.fill(this.#isScarce ? AMPLE_BYTES : SCARCE_BYTES));
    if (isAmple !== undefined) this.#isScarce = !isAmple;
  }

  /** Tells the engine how it is. */
  tellEngine(): void {
    const { wholeBytes } = this.#options.reserve;
    const reason = `the disk of the agent's home needs ${AMPLE_BYTES / MIB} MiB of room beside the ` +
      `${wholeBytes / MIB} MiB that are kept back for reports`;
    this.#options.pause.set(this.#isScarce ? reason : "");
  }

  conditions(): Pick<Condition, "code" | "reason">[] {
    if (!this.#isScarce) return [];
    const kept = this.#asking(() => this.#options.reserve.bytes) ?? 0;
    const reason = "there is no room on the disk of the agent's home: no run begins, and " +
      (kept === 0
        ? "what was kept back for reports is used up"
        : `reports go on with the ${Math.ceil(kept / MIB)} MiB that are kept back for them`);
    return [{ code: "disk.full", reason }];
  }

  /** Whether there is more room than a moment ago. */
  #makeRoom(): boolean {
    const { reserve, log } = this.#options;
    if (this.#asking(() => reserve.hasRoom(SCARCE_BYTES)) !== false) return false;
    this.#isScarce = true;
    if (!this.#asking(() => reserve.giveUp())) return false;
    log.warn("the disk is full; room that was kept back is given up", { leftBytes: reserve.bytes });
    return true;
  }

  /** What the reserve answers; undefined where it cannot, which is said once. */
  #asking<T>(ask: () => T): T | undefined {
    try {
      const answer = ask();
      this.#fault = "";
      return answer;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#fault) this.#options.log.error(NO_RESERVE, { reason });
      this.#fault = reason;
      return undefined;
    }
  }
}
