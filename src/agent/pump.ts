import type { Clock } from "../base/clock.ts";
import { asSallyportError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Database } from "../base/sqlite.ts";
import { classOf, judgeMessage } from "../gate/gate.ts";
import type { Policy } from "../gate/policy/policy.ts";
import { partsOf } from "../gate/status.ts";
import { createRequestStore } from "../engine/requests/store.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { encodeFrame } from "../protocol/codec.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import type { CustomMessageInit } from "../protocol/messages.ts";
import type { Spool } from "../spool/spool.ts";
import type { MessageParts, Uplink } from "../uplink/uplink.ts";
import type { Acknowledgement, SpooledChannel, Written } from "./drain/channel.ts";
import { Drain } from "./drain/drain.ts";
import { RequestDesk } from "./requests/desk.ts";
import type { StateGuard } from "./state_guard.ts";
import type { Spending } from "./policy/spending.ts";

export interface PumpOptions {
  db: Database;
  spool: Spool;
  ledger: Ledger;
  /** The policy in force at this moment. */
  policy(): Policy;
  spending: Spending;
  /** Told that a request waits for an engine. */
  onApproved(): void;
  /** The channels of the spool. */
  channels: readonly SpooledChannel[];
  uplink: Pick<Uplink, "ready" | "takes" | "compose" | "send">;
  clock: Clock;
  log: Log;
  guard: StateGuard;
  /** A number in [0, 1); default: random. */
  random?: () => number;
}

/**
 * The only way out. Whatever leaves goes through here: judged by the gate, written into the ledger, sent. What
 * tells of the agent itself is sent at once; what waits in the spool is drained beside it.
 */
export class Pump {
  readonly #options: PumpOptions;
  readonly #drain: Drain;
  /** Requests and their answers. */
  readonly desk: RequestDesk;

  constructor(options: PumpOptions) {
    this.#options = options;
    const wayOut = {
      takes: (capability: string) => options.uplink.ready && options.uplink.takes(capability),
      write: (customMessage: CustomMessageInit, records: string) => this.#write({ customMessage }, records),
      send: (written: Written) => this.#send(written),
    };
    this.#drain = new Drain({
      ...options,
      ...wayOut,
      random: options.random ?? Math.random,
      attempt: options.guard.attempt,
      wake: () => this.drain(),
    });
    this.desk = new RequestDesk({
      ...options,
      ...wayOut,
      store: createRequestStore(options.db),
      circumstances: () => options.spending.circumstances(),
    });
  }

  /** Why records stay in the spool for now by the owner's policy; undefined when they do not. */
  get held(): string | undefined {
    return this.#drain.held;
  }

  /** Whether something that was sent had no acknowledgement in time, and none has come since. */
  get unacknowledged(): boolean {
    return this.#drain.unacknowledged;
  }

  /**
   * Sends a message about the agent itself, unless there is nothing to tell. Nothing is kept for later: the next
   * one tells the newer state. What cannot be written into the ledger is not sent, and the answer is false.
   */
  sendStatus(tell: () => MessageParts | undefined): boolean {
    return this.#options.guard.run("sending status", () => {
      const parts = tell();
      if (parts) this.#sendParts(parts);
    });
  }

  /** State is told in whole fields (OpAMP, "Agent Status Compression"), so what one message cannot hold, several do. */
  #sendParts(parts: MessageParts): void {
    try {
      const written = this.#options.guard.attempt(() => this.#write(parts));
      if (written) this.#send(written);
    } catch (error) {
      const fields = Object.entries(parts);
      if (asSallyportError(error).code !== "platform.protocol" || fields.length < 2) throw error;
      for (const [field, value] of fields) this.#sendParts({ [field]: value });
    }
  }

  /** A new connection stands. */
  connected(): void {
    this.#guard(() => this.#drain.connected());
  }

  /** Sends what waits, as far as the platform takes it: the records of the spool first, then answers. */
  drain(): void {
    this.#guard(() => this.#drain.drain());
    this.desk.look();
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
    this.desk.disconnected();
  }

  /** The agent stops. */
  stop(): void {
    this.desk.stop();
  }

  /** Gate, then ledger: in this order for everything, and nothing is sent that was not through both. */
  #write(parts: MessageParts, records?: string): Written | undefined {
    const { uplink, ledger, spending, log } = this.#options;
    const policy = this.#options.policy();
    const { verdict, payload, reason } = judgeMessage(
      uplink.compose(parts),
      policy,
      spending.circumstances(),
    );
    if (!payload) {
      // What is held is told as a condition, once, and tried again with every look into the spool.
      if (verdict === "drop") {
        log.warn("a message stays here", { parts: Object.keys(parts).join(", "), reason });
      }
      return undefined;
    }
    const frame = encodeFrame(AgentToServerSchema, payload);
    const payloadClass = classOf(payload);
    const { number } = ledger.intend({
      class: payloadClass,
      records: records ?? (partsOf(payload).join(", ") || "heartbeat"),
      policy: policy.hash,
      body: frame,
    });
    return { frame, payloadClass, entry: number };
  }

  #send({ frame, payloadClass }: Written): void {
    const { uplink, spending } = this.#options;
    spending.add(payloadClass, frame.length);
    uplink.send(frame);
  }

  #guard(work: () => void): void {
    this.#options.guard.run("sending records", work);
  }
}
