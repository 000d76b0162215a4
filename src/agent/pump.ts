import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_RECORDS } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { transaction } from "../base/sqlite.ts";
import { classOf, judgeMessage, judgeTracking } from "../gate/gate.ts";
import type { Policy } from "../gate/policy.ts";
import { policyHash } from "../gate/policy.ts";
import type { Ledger, LedgerEntry } from "../ledger/ledger.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import { encodeFrame } from "../protocol/codec.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../protocol/messages.ts";
import type { TrackingAck, TrackingBatch } from "../protocol/payloads/tracking.ts";
import type { Spool } from "../spool/spool.ts";
import type { MessageParts, Uplink } from "../uplink/uplink.ts";

/** A batch without an acknowledgement for this long is sent again: the platform stores each record once. */
const ACK_TIMEOUT_MS = 60_000;

export interface PumpOptions {
  db: Database;
  spool: Spool;
  ledger: Ledger;
  policy: Policy;
  uplink: Pick<Uplink, "ready" | "compose" | "send">;
  clock: Clock;
  log: Log;
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
  readonly #policyHash: string;
  #inFlight: InFlight | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#policyHash = policyHash(options.policy);
  }

  /**
   * Sends a message about the agent itself, unless there is nothing to tell. Nothing is kept for later: the next
   * one tells the newer state. What cannot be written into the ledger (the disk is full, say) is not sent.
   */
  sendStatus(tell: () => MessageParts | undefined): void {
    this.#guard(() => {
      const parts = tell();
      if (parts) this.#sendMessage(parts, Object.keys(parts).join(", ") || "heartbeat");
    });
  }

  /** Sends the next batch of tracking records, unless one is under way or nobody is connected. */
  drain(): void {
    this.#guard(() => this.#drain());
  }

  #drain(): void {
    const { spool, uplink, log, policy } = this.#options;
    while (uplink.ready && !this.#inFlight) {
      const { payloads, unreadable } = spool.head("tracking", {
        records: MAX_BATCH_RECORDS,
        bytes: MAX_BATCH_BYTES,
      });
      for (const { seq, reason } of unreadable) {
        log.error("a spooled record was quarantined", { seq, reason });
      }
      const last = payloads.at(-1);
      if (!last) return;
      const records: TrackingBatch["records"] = [];
      for (const { seq, payload } of payloads) {
        const verdict = judgeTracking(payload, policy);
        if (verdict.verdict === "allow") records.push({ seq, record: verdict.payload });
        else log.warn("a tracking record stays here", { seq, reason: verdict.reason });
      }
      if (records.length === 0) spool.settle("tracking", last.seq);
      else this.#sendBatch({ stream: spool.stream, through: last.seq, records });
    }
  }

  /** The platform has stored a batch: receipt and removal from the spool are one transaction. */
  acknowledged({ stream, through }: TrackingAck): void {
    const { db, spool, ledger } = this.#options;
    const sent = this.#inFlight;
    if (stream !== spool.stream || !sent || through < sent.through) return;
    this.#guard(() => {
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
   * this one is a copy, or a backup. The rest, and all that comes, goes by the name of a new stream.
   */
  conflicted({ stream, through }: TrackingAck): void {
    const { db, spool, log } = this.#options;
    if (stream !== spool.stream || !this.#inFlight) return;
    this.#guard(() => {
      transaction(db, () => {
        spool.settle("tracking", through);
        spool.renameStream();
      });
      log.error("another home has used the numbers of this one's records: one is a copy, or was restored", {
        storedThrough: through,
        remedy: "No record is lost: they go on under a new name. Enrol one of the two homes anew.",
      });
      this.#forget();
      this.#drain();
    });
  }

  /** The connection is gone: what was under way may or may not have arrived, and will be sent again. */
  disconnected(): void {
    this.#forget();
  }

  #sendBatch(batch: TrackingBatch): void {
    const { clock, log } = this.#options;
    const seqs = batch.records.map(({ seq }) => seq);
    const entry = this.#sendMessage(
      { customMessage: jsonMessage(CUSTOM.tracking, "batch", batch) },
      `seq ${seqs[0]}-${seqs.at(-1)} (${seqs.length})`,
    );
    if (!entry) return;
    const cancelTimeout = clock.after(ACK_TIMEOUT_MS, () => {
      log.warn("a batch of records was not acknowledged; it is sent again", { through: batch.through });
      this.#forget();
      this.drain();
    });
    this.#inFlight = { through: batch.through, entry: entry.number, cancelTimeout };
  }

  /** Gate, then ledger, then wire: in this order for everything. */
  #sendMessage(parts: MessageParts, records: string): LedgerEntry | undefined {
    const { uplink, ledger, log, policy } = this.#options;
    const message = uplink.compose(parts);
    const verdict = judgeMessage(message, policy);
    if (verdict.verdict === "drop") {
      log.warn("a message stays here", { records, reason: verdict.reason });
      return undefined;
    }
    const frame = encodeFrame(AgentToServerSchema, verdict.payload);
    const payloadClass = classOf(verdict.payload);
    const entry = ledger.intend({ class: payloadClass, records, policy: this.#policyHash, body: frame });
    uplink.send(frame);
    return entry;
  }

  /** A state that cannot be written is no reason to go down: the next heartbeat tries again. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.log.error("nothing was sent: the state database cannot be used", {
        reason: messageOf(error),
      });
    }
  }

  #forget(): void {
    this.#inFlight?.cancelTimeout();
    this.#inFlight = undefined;
  }
}
