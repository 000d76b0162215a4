import type { Clock } from "../base/clock.ts";
import { DAY_MS, sleep } from "../base/clock.ts";
import type { Database } from "../base/sqlite.ts";
import { queryOne } from "../base/sqlite.ts";
import { readCertificate } from "../trust/certificate.ts";
import type { Checkpoint } from "./checkpoints.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { BodyLimits } from "./pruning.ts";
import { Pruning } from "./pruning.ts";
import type { CheckpointCause, Signer } from "./statement.ts";

/** A checkpoint is made after so many entries, or so long after the last, if there are entries behind it. */
const CHECKPOINT_ENTRIES = 1_000;
const CHECKPOINT_MS = DAY_MS;
/** How often it is looked whether one is due, and when again after that could not be done. */
const LOOK_MS = 60_000;
const AGAIN_MS = 15 * 60_000;

export interface KeeperOptions {
  db: Database;
  clock: Clock;
  /** Does what needs the database, and reports what goes wrong: that is no reason to stop the agent. */
  guard: { run(task: string, work: () => void): void };
  limits: BodyLimits;
  /** The agent's key of this moment. */
  signer(): Signer;
  /** Called after a checkpoint was made. */
  onCheckpoint(): void;
}

/** Keeps the ledger in order beside the one who writes it: signs checkpoints, and prunes bodies. */
export class LedgerKeeper {
  readonly #options: KeeperOptions;
  readonly #checkpoints: Checkpoints;
  readonly #pruning: Pruning;
  readonly #entriesSince: (number: number) => { entries: number } | undefined;
  #last: Checkpoint | undefined;

  constructor(options: KeeperOptions) {
    const { db, clock, limits } = options;
    this.#options = options;
    this.#checkpoints = new Checkpoints(db, clock);
    this.#pruning = new Pruning(db, limits);
    this.#entriesSince = queryOne(db, "SELECT coalesce(max(number), 0) - ?1 AS entries FROM ledger");
  }

  /** The last checkpoint, for whoever notes it elsewhere. */
  get last(): Checkpoint | undefined {
    return this.#last;
  }

  /** Signs what a crash left unsigned and what a damage took, and says who signs from here on. Call it before anything is sent. */
  start(): void {
    this.#do(() => {
      this.#last = this.#checkpoints.last();
      if (this.#checkpoints.hasLosses() || this.#unsigned() > 0 || this.#isNewSigner()) this.#make("start");
    });
  }

  /** Looks after the ledger until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let isWell = true; !signal.aborted;) {
      await this.#prune(signal);
      await sleep(this.#options.clock, isWell ? LOOK_MS : AGAIN_MS, signal);
      isWell = this.#do(() => this.#lookWhatIsDue());
    }
  }

  /** Signs what was sent last. Call it when nothing more is sent. */
  stop(): void {
    this.#do(() => {
      if (this.#unsigned() > 0) this.#make("stop");
    });
  }

  /**
   * Vouches for the certificate (PEM) that takes the place of the signer's: call it while there still is the old
   * key. Throws when it cannot be written down.
   */
  introduce(successor: string): void {
    if (!this.#checkpoints.knows(successor)) this.#make("renewal", successor);
  }

  #lookWhatIsDue(): void {
    if (!this.#last) return this.#make("start"); // it could not be made then
    const { statement, time } = this.#last;
    const unsigned = this.#unsigned();
    // Also when the clock went back behind the last one.
    const isOld = Math.abs(this.#options.clock.now() - time) >= CHECKPOINT_MS;
    if (this.#pruning.isOverfull(statement.prunedThrough)) this.#make("pruning");
    else if (unsigned >= CHECKPOINT_ENTRIES) this.#make("count");
    else if (this.#isNewSigner()) this.#make("renewal");
    else if (unsigned > 0 && isOld) this.#make("day");
  }

  /** Whether the last checkpoint was signed by an older key: who trusts only the newer one trusts nothing yet. */
  #isNewSigner(): boolean {
    const { fingerprint } = readCertificate(this.#options.signer().certificate);
    return this.#last?.statement.certificate !== fingerprint;
  }

  #unsigned(): number {
    return this.#entriesSince(this.#last?.number ?? 0)!.entries;
  }

  #make(cause: CheckpointCause, successor?: string): void {
    const { clock, signer, onCheckpoint } = this.#options;
    const prunedThrough = this.#pruning.target(this.#last?.statement.prunedThrough ?? 0, clock.now());
    this.#last = this.#checkpoints.make(signer(), cause, prunedThrough, successor);
    onCheckpoint();
  }

  /** What the last checkpoint named, and nothing that no checkpoint has named. */
  async #prune(signal: AbortSignal): Promise<void> {
    const steps = this.#pruning.remove(this.#last?.statement.prunedThrough ?? 0);
    for (let isOver = false; !isOver && !signal.aborted;) {
      const isWell = this.#do(() => isOver = steps.next().done === true);
      if (!isWell) return;
      await sleep(this.#options.clock, 0, signal);
    }
  }

  /** Whether it could be done. */
  #do(work: () => void): boolean {
    let isDone = false;
    this.#options.guard.run("keeping the ledger", () => {
      work();
      isDone = true;
    });
    return isDone;
  }
}
