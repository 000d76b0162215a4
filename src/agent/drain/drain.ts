import type { Clock } from "../../base/clock.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_RECORDS } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Database } from "../../base/sqlite.ts";
import { transaction } from "../../base/sqlite.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import type { Spool, UnreadableRow } from "../../spool/spool.ts";
import type { Acknowledgement, SpooledChannel, Written } from "./channel.ts";
import type { Attempt } from "../state_guard.ts";
import { Turns } from "./turns.ts";
import { Window } from "./window.ts";

/** What has no acknowledgement for this long is sent again: the platform stores each record once. */
const ACK_TIMEOUT_MS = 60_000;
/** The longest that a backlog waits before it leaves on a new connection. */
const MAX_JITTER_MS = 10_000;

export interface DrainOptions {
  db: Database;
  spool: Spool;
  ledger: Pick<Ledger, "acknowledge">;
  channels: readonly SpooledChannel[];
  /** Does a transaction, and again when there was no room for it and some could be made. */
  attempt: Attempt;
  clock: Clock;
  log: Log;
  /** A number in [0, 1). */
  random: () => number;
  /** Whether a platform is connected that takes messages of a capability. */
  takes(capability: string): boolean;
  /** Gate and ledger, within a transaction of the caller; undefined when the gate keeps it here. */
  write(message: CustomMessageInit, records: string): Written | undefined;
  send(written: Written): void;
  /** Calls {@linkcode Drain.drain} for a timer, which has nobody to tell what goes wrong. */
  wake(): void;
}

interface InFlight {
  through: number;
  /** What its acknowledgement settles: also what the policy withheld behind it. */
  settles: number;
  bytes: number;
  /** The ledger's number of it. */
  entry: number;
}

/** Where one channel stands. */
interface Lane {
  channel: SpooledChannel;
  /** Whether the platform has said, on this connection, how far it has the channel's stream. */
  resumed: "no" | "asked" | "yes";
  /** Whether the name of its stream was made by this start of the agent. */
  isOurs: boolean;
  /** Everything up to here is under way or stored. */
  after: number;
  /** In the order of sending; after a connection broke, what may have arrived by it. */
  inFlight: InFlight[];
  /** What the platform has stored and the spool still holds, with the ledger's numbers. */
  stored: { through: number; entries: number[] };
  /** Why something stays in the spool for now by the owner's policy. */
  held: string | undefined;
  /** Whether something that was sent had no acknowledgement in time, and none has come since. */
  unacknowledged: boolean;
  cancelTimeout: () => void;
}

/**
 * Brings what waits in the spool to the platform: in batches, the channels in fair turns, as much at once as the
 * platform gives credit for, and again from the first that has no acknowledgement when a connection breaks.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #lanes: readonly Lane[];
  readonly #turns = new Turns();
  readonly #window = new Window();
  #cancelHold: (() => void) | undefined;
  #cancelProbe: (() => void) | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#lanes = options.channels.map((channel) => ({
      channel,
      resumed: "no",
      isOurs: false,
      after: 0,
      inFlight: [],
      stored: { through: 0, entries: [] },
      held: undefined,
      unacknowledged: false,
      cancelTimeout: () => {},
    }));
  }

  /** Why something stays in the spool for now by the owner's policy; undefined when nothing does. */
  get held(): string | undefined {
    return this.#lanes.find(({ held }) => held !== undefined)?.held;
  }

  /** Whether something that was sent had no acknowledgement in time, and none has come since. */
  get unacknowledged(): boolean {
    return this.#lanes.some(({ unacknowledged }) => unacknowledged);
  }

  /**
   * A new connection stands. A backlog waits for a random time, the longer the older it is, so that agents which
   * lost the platform together do not all send at once; what was put in a moment ago leaves at once.
   */
  connected(): void {
    const { spool, clock, random } = this.#options;
    const oldest = Math.min(...spool.counts().map((count) => count.oldest));
    const age = Math.max(0, clock.now() - oldest); // 0 when nothing waits
    const delay = Math.round(random() * Math.min(age / 2, MAX_JITTER_MS));
    if (delay === 0) return this.drain();
    this.#cancelHold = clock.after(delay, () => {
      this.#cancelHold = undefined;
      this.drain();
    });
  }

  /** The connection is gone: what was under way may or may not have arrived. */
  disconnected(): void {
    this.#cancelHold?.();
    this.#cancelProbe?.();
    this.#cancelHold = this.#cancelProbe = undefined;
    this.#window.reset();
    for (const lane of this.#lanes) {
      lane.cancelTimeout();
      lane.resumed = "no";
      for (const batch of lane.inFlight) batch.bytes = 0;
    }
  }

  /** Sends what may be sent now. */
  drain(): void {
    if (this.#cancelHold) return;
    const byName = () => this.#turns.order(this.#lanes.map((lane) => ({ name: lane.channel.name, lane })));
    while (byName().some(({ lane }) => this.#sendNext(lane)));
    if (this.#lanes.some(({ stored }) => stored.through > 0)) this.#settling(() => undefined);
  }

  /** The platform has stored what a channel sent, up to a number, and says how much more it takes. */
  acknowledged(name: string, { stream, through, credit }: Acknowledgement): void {
    const { spool, log } = this.#options;
    const lane = this.#lanes.find(({ channel }) => channel.name === name);
    if (!lane || stream !== spool.stream(name)) return;
    if (credit !== undefined) this.#window.grant(credit);
    lane.unacknowledged = false;
    if (through > spool.sentThrough(name)) {
      spool.wentBack(name, through);
      log.error("the platform has records that this home never sent: it was restored, or is a copy", {
        channel: name,
        platformHas: through,
        remedy:
          "What waits here gets new numbers, and none of it is lost. Of a copy, enrol one of the two anew.",
      });
      lane.stored = { through: 0, entries: [] };
      this.#startOver(lane);
    } else {
      this.#store(lane, through);
      // Of what an earlier connection sent, the platform has this and no more.
      if (lane.resumed === "asked") this.#startOver(lane);
    }
    if (lane.resumed === "asked" && !lane.isOurs) this.#takeOver(lane);
    lane.resumed = "yes";
    this.drain();
  }

  /**
   * What the starts before this one sent is settled; the rest, and all that follows, goes by a name that nobody else
   * has. Of a home that was copied, or restored from a backup, another start may send by the old one, with the same
   * numbers for other records.
   */
  #takeOver(lane: Lane): void {
    this.#settling(() => this.#options.spool.renameStream(lane.channel.name));
    lane.isOurs = true;
  }

  /** The platform says how much it takes now. */
  granted(credit: number): void {
    this.#window.grant(credit);
    this.drain();
  }

  /** Sends the next batch of a channel, if there is one and it may be sent. */
  #sendNext(lane: Lane): boolean {
    const { spool, takes, send } = this.#options;
    const { name, capability, weight } = lane.channel;
    if (!takes(capability)) return false;
    if (lane.resumed === "asked" || (lane.resumed === "no" && spool.isEmpty(name))) return false;
    // Where the policy keeps even the question here, it decides on what waits all the same: deny drops it.
    if (lane.resumed === "no" && this.#ask(lane)) return false;
    const { room } = this.#window;
    if (room === 0) {
      this.#probeLater();
      return false;
    }
    const next = this.#settling(() => this.#nextBatch(lane, room));
    if (!next) return false;
    const { written, ...batch } = next;
    lane.inFlight.push(batch);
    lane.after = batch.through;
    this.#window.took(batch.bytes);
    this.#turns.took(name, batch.bytes, weight);
    if (lane.inFlight.length === 1) this.#awaitAnswer(lane);
    send(written);
    return true;
  }

  /**
   * Makes the next batch and writes it into the ledger: call it in a transaction. From the look into the spool to the
   * note that it may have been sent, no quota can drop what is in it.
   */
  #nextBatch(lane: Lane, room: number): InFlight & { written: Written } | undefined {
    const { spool, write } = this.#options;
    const { channel } = lane;
    const { name } = channel;
    const stream = spool.stream(name);
    for (let after = lane.after;;) {
      const { entries, unreadable } = spool.head(name, after, { records: MAX_BATCH_RECORDS, bytes: room });
      this.#logQuarantined(name, unreadable);
      if (entries.length === 0) {
        this.#hold(lane, undefined);
        return undefined;
      }
      const { message, records, through, unfit, held } = channel.batch(stream, entries, room);
      if (unfit.length > 0) {
        for (const { seq, reason } of unfit) spool.quarantine(name, seq, reason);
        this.#logQuarantined(name, unfit);
        continue;
      }
      this.#hold(lane, held);
      if (through === undefined) return undefined;
      if (message) {
        const written = write(message, records);
        if (!written) return undefined;
        spool.sent(name, through);
        return { written, through, settles: through, bytes: message.data.length, entry: written.entry };
      }
      after = through;
      const before = lane.inFlight.at(-1);
      if (before) before.settles = through;
      else spool.settle(name, through);
    }
  }

  #hold(lane: Lane, reason: string | undefined): void {
    if (reason !== undefined && lane.held === undefined) {
      this.#options.log.warn("records are held", { channel: lane.channel.name, reason });
    }
    lane.held = reason;
  }

  /** Asks how far the platform has a channel's stream: what it has is not sent again. False if it may not ask. */
  #ask(lane: Lane): boolean {
    const { db, spool, attempt, write, send } = this.#options;
    const { channel } = lane;
    const ask = () => write(channel.resume(spool.stream(channel.name)), "resume");
    const written = attempt(() => transaction(db, ask));
    if (!written) return false;
    lane.resumed = "asked";
    this.#awaitAnswer(lane);
    send(written);
    return true;
  }

  #store(lane: Lane, through: number): void {
    const covered = lane.inFlight.filter((batch) => batch.through <= through);
    lane.inFlight = lane.inFlight.slice(covered.length);
    this.#window.freed(bytesOf(covered));
    const entries = [...lane.stored.entries, ...covered.map(({ entry }) => entry)];
    lane.stored = { through: Math.max(through, ...covered.map(({ settles }) => settles)), entries };
    lane.after = Math.max(lane.after, lane.stored.through);
    lane.cancelTimeout();
    if (lane.inFlight.length > 0) this.#awaitAnswer(lane);
  }

  /** Takes what is stored out of the spool, with receipts in the ledger, in one transaction with what `body` does. */
  #settling<T>(body: () => T): T {
    const { db, spool, ledger, attempt } = this.#options;
    const settle = () => {
      for (const { channel, stored: { through, entries } } of this.#lanes) {
        for (const entry of entries) ledger.acknowledge(entry);
        if (through > 0) spool.settle(channel.name, through);
      }
      return body();
    };
    const result = attempt(() => transaction(db, settle));
    for (const lane of this.#lanes) lane.stored = { through: 0, entries: [] };
    return result;
  }

  #awaitAnswer(lane: Lane): void {
    const { clock, log, wake } = this.#options;
    lane.cancelTimeout = clock.after(ACK_TIMEOUT_MS, () => {
      const facts = { channel: lane.channel.name, afterMs: ACK_TIMEOUT_MS };
      log.warn("the platform acknowledges nothing; what it has not acknowledged is sent again", facts);
      lane.unacknowledged = true;
      this.#startOver(lane);
      lane.resumed = "yes"; // an older platform does not know the question
      wake();
    });
  }

  /** Forgets what is under way: it is sent again, from the first that is not stored. */
  #startOver(lane: Lane): void {
    lane.cancelTimeout();
    this.#window.freed(bytesOf(lane.inFlight));
    lane.inFlight = [];
    lane.after = lane.stored.through;
  }

  /** A platform that takes nothing is asked again some time with one batch, in case its word was lost. */
  #probeLater(): void {
    if (!this.#window.isShut || this.#window.onTheWay > 0 || this.#cancelProbe) return;
    const { clock, wake } = this.#options;
    this.#cancelProbe = clock.after(ACK_TIMEOUT_MS, () => {
      this.#cancelProbe = undefined;
      if (this.#window.isShut) this.#window.grant(MAX_BATCH_BYTES);
      wake();
    });
  }

  #logQuarantined(channel: string, rows: readonly UnreadableRow[]): void {
    for (const { seq, reason } of rows) {
      this.#options.log.error("a spooled record was quarantined", { channel, seq, reason });
    }
  }
}

function bytesOf(batches: readonly InFlight[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes, 0);
}
