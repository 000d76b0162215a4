import type { Clock } from "../base/clock.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_RECORDS } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { transaction } from "../base/sqlite.ts";
import { classOf, judgeMessage } from "../gate/gate.ts";
import type { Policy } from "../gate/policy/policy.ts";
import { partsOf } from "../gate/status.ts";
import { composeBatch } from "../gate/tracking.ts";
import type { Ledger, LedgerEntry } from "../ledger/ledger.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import { encodeFrame } from "../protocol/codec.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../protocol/messages.ts";
import type { TrackingAck, TrackingBatch } from "../protocol/payloads/tracking.ts";
import type { Spool } from "../spool/spool.ts";
import type { MessageParts, Uplink } from "../uplink/uplink.ts";
import type { StateGuard } from "./state_guard.ts";
import type { Spending } from "./policy/spending.ts";

/** A batch without an acknowledgement for this long is sent again: the platform stores each record once. */
const ACK_TIMEOUT_MS = 60_000;

export interface PumpOptions {
  db: Database;
  spool: Spool;
  ledger: Ledger;
  /** The policy in force at this moment. */
  policy(): Policy;
  spending: Spending;
  uplink: Pick<Uplink, "ready" | "takes" | "compose" | "send">;
  clock: Clock;
  log: Log;
  guard: StateGuard;
}

interface InFlight {
  through: number;
  /** The ledger's number of the batch. */
  entry: number;
  cancelTimeout: () => void;
}

/**
 * The only way out. Whatever leaves goes through here: judged by the gate, written into the ledger, sent; and
 * out of the spool only once the platform has said that it is stored.
 */
export class Pump {
  readonly #options: PumpOptions;
  #inFlight: InFlight | undefined;
  #unacknowledged = false;
  /** Whether the spool got another name on this connection. */
  #renamed = false;
  #held: string | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Why tracking records wait by a policy that is in force; undefined when they do not. */
  get held(): string | undefined {
    return this.#held;
  }

  /**
   * Sends a message about the agent itself, unless there is nothing to tell. Nothing is kept for later: the next
   * one tells the newer state. What cannot be written into the ledger (the disk is full, say) is not sent.
   */
  sendStatus(tell: () => MessageParts | undefined): void {
    this.#options.guard.run("sending status", () => {
      const parts = tell();
      if (parts) this.#sendMessage(parts);
    });
  }

  /** Sends the next batch of tracking records, unless one is under way or nobody is connected. */
  drain(): void {
    this.#options.guard.run("sending records", () => this.#drain());
  }

  #drain(): void {
    const { spool, uplink, log, policy, spending } = this.#options;
    while (uplink.ready && uplink.takes(CUSTOM.tracking) && !this.#inFlight) {
      const { payloads, unreadable } = spool.head("tracking", {
        records: MAX_BATCH_RECORDS,
        bytes: MAX_BATCH_BYTES,
      });
      for (const { seq, reason } of unreadable) {
        log.error("a spooled record was quarantined", { seq, reason });
      }
      const now = policy();
      const { records, through, dropped, held } = composeBatch(payloads, now, spending.circumstances());
      for (const [reason, all] of Map.groupBy(dropped, ({ reason }) => reason)) {
        log.warn("tracking records stay here", { records: all.length, first: all[0]!.seq, reason });
      }
      this.#hold(now.halted === undefined ? held : undefined);
      if (through === undefined) return;
      if (records.length === 0) spool.settle("tracking", through);
      else if (!this.#sendBatch({ stream: spool.stream, through, records })) return;
    }
  }

  #hold(reason: string | undefined): void {
    if (reason !== undefined && this.#held === undefined) {
      this.#options.log.warn("tracking records are held", { reason });
    }
    this.#held = reason;
  }

  /** The platform has stored a batch: receipt and removal from the spool are one transaction. */
  acknowledged({ stream, through }: TrackingAck): void {
    const { db, spool, ledger, guard } = this.#options;
    const sent = this.#inFlight;
    if (stream !== spool.stream || !sent || through < sent.through) return;
    this.#unacknowledged = false;
    guard.run("sending records", () => {
      transaction(db, () => {
        ledger.acknowledge(sent.entry);
        spool.settle("tracking", sent.through);
      });
      this.#forget();
      this.#drain();
    });
  }

  /**
   * The platform has this batch only up to `through`: what follows has numbers that another home used, of which
   * this one is a copy, or a backup. The rest, and all that comes, goes by the name of a new stream. That a name
   * which was just made is used, too, is not believed: such a batch counts as not acknowledged.
   */
  conflicted({ stream, through }: TrackingAck): void {
    const { db, spool, log, guard } = this.#options;
    const sent = this.#inFlight;
    if (stream !== spool.stream || !sent || through >= sent.through || this.#renamed) return;
    guard.run("sending records", () => {
      transaction(db, () => {
        spool.settle("tracking", through);
        spool.renameStream();
      });
      this.#renamed = true;
      log.error("another home has used the numbers of this one's records: one is a copy, or was restored", {
        storedThrough: through,
        remedy: "No record is lost: they go on under a new name. Enrol one of the two homes anew.",
      });
      this.#forget();
      this.#drain();
    });
  }

  /** Whether a batch had no acknowledgement in time, and none has come since. */
  get unacknowledged(): boolean {
    return this.#unacknowledged;
  }

  /** The connection is gone: what was under way may or may not have arrived, and will be sent again. */
  disconnected(): void {
    this.#renamed = false;
    this.#forget();
  }

  /** Whether the batch is under way. */
  #sendBatch(batch: TrackingBatch): boolean {
    const { clock, log } = this.#options;
    const seqs = batch.records.map(({ seq }) => seq);
    const entry = this.#sendMessage(
      { customMessage: jsonMessage(CUSTOM.tracking, "batch", batch) },
      `seq ${seqs[0]}-${seqs.at(-1)} (${seqs.length})`,
    );
    if (!entry) return false;
    const cancelTimeout = clock.after(ACK_TIMEOUT_MS, () => {
      log.warn("a batch of records was not acknowledged; it is sent again", { through: batch.through });
      this.#unacknowledged = true;
      this.#forget();
      this.drain();
    });
    this.#inFlight = { through: batch.through, entry: entry.number, cancelTimeout };
    return true;
  }

  /** Gate, then ledger, then wire: in this order for everything. */
  #sendMessage(parts: MessageParts, records?: string): LedgerEntry | undefined {
    const { uplink, ledger, spending, log } = this.#options;
    const policy = this.#options.policy();
    const { payload, reason } = judgeMessage(uplink.compose(parts), policy, spending.circumstances());
    if (!payload) {
      log.warn("a message stays here", { parts: Object.keys(parts).join(", "), reason });
      return undefined;
    }
    const frame = encodeFrame(AgentToServerSchema, payload);
    const payloadClass = classOf(payload);
    const entry = ledger.intend({
      class: payloadClass,
      records: records ?? (partsOf(payload).join(", ") || "heartbeat"),
      policy: policy.hash,
      body: frame,
    });
    spending.add(payloadClass, frame.length);
    uplink.send(frame);
    return entry;
  }

  #forget(): void {
    this.#inFlight?.cancelTimeout();
    this.#inFlight = undefined;
  }
}
