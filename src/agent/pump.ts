import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { classOf, judgeMessage } from "../gate/gate.ts";
import type { Policy } from "../gate/policy.ts";
import { policyHash } from "../gate/policy.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { encodeFrame } from "../protocol/codec.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import type { Spool } from "../spool/spool.ts";
import type { MessageParts, Uplink } from "../uplink/uplink.ts";
import type { Acknowledgement, SpooledChannel } from "./drain/channel.ts";
import type { Written } from "./drain/drain.ts";
import { Drain } from "./drain/drain.ts";

export interface PumpOptions {
  db: Database;
  spool: Spool;
  ledger: Ledger;
  policy: Policy;
  /** The channels of the spool. */
  channels: readonly SpooledChannel[];
  uplink: Pick<Uplink, "ready" | "compose" | "send">;
  clock: Clock;
  log: Log;
  /** A number in [0, 1); default: random. */
  random?: () => number;
}

/**
 * The only way out. Whatever leaves goes through here: judged by the gate, written into the ledger, sent. What
 * tells of the agent itself is sent at once; what waits in the spool is drained beside it.
 */
export class Pump {
  readonly #options: PumpOptions;
  readonly #policyHash: string;
  readonly #drain: Drain;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#policyHash = policyHash(options.policy);
    this.#drain = new Drain({
      ...options,
      random: options.random ?? Math.random,
      isConnected: () => options.uplink.ready,
      write: (customMessage, records) => this.#write({ customMessage }, records),
      send: (frame) => this.#send(frame),
      wake: () => this.drain(),
    });
  }

  /**
   * Sends a message about the agent itself, unless there is nothing to tell. Nothing is kept for later: the next
   * one tells the newer state. What cannot be written into the ledger (the disk is full, say) is not sent.
   */
  sendStatus(tell: () => MessageParts | undefined): void {
    this.#guard(() => {
      const parts = tell();
      const written = parts && this.#write(parts, Object.keys(parts).join(", ") || "heartbeat");
      if (written) this.#send(written.frame);
    });
  }

  /** A new connection stands. */
  connected(): void {
    this.#guard(() => this.#drain.connected());
  }

  /** Sends what waits in the spool, as far as the platform takes it. */
  drain(): void {
    this.#guard(() => this.#drain.drain());
  }

  /** The platform has stored what a channel of the spool sent: receipt and removal are one transaction. */
  acknowledged(channel: string, acknowledgement: Acknowledgement): void {
    this.#guard(() => this.#drain.acknowledged(channel, acknowledgement));
  }

  /** The platform says how many bytes it takes now. */
  granted(credit: number): void {
    this.#guard(() => this.#drain.granted(credit));
  }

  /** The connection is gone: what was under way may or may not have arrived. */
  disconnected(): void {
    this.#drain.disconnected();
  }

  /** Gate, then ledger: in this order for everything, and nothing is sent that was not through both. */
  #write(parts: MessageParts, records: string): Written | undefined {
    const { uplink, ledger, log, policy } = this.#options;
    const message = uplink.compose(parts);
    const verdict = judgeMessage(message, policy);
    if (verdict.verdict === "drop") {
      log.warn("a message stays here", { records, reason: verdict.reason });
      return undefined;
    }
    const frame = encodeFrame(AgentToServerSchema, verdict.payload);
    const payloadClass = classOf(verdict.payload);
    const { number } = ledger.intend({ class: payloadClass, records, policy: this.#policyHash, body: frame });
    return { frame, entry: number };
  }

  #send(frame: Uint8Array<ArrayBuffer>): void {
    this.#options.uplink.send(frame);
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
}
