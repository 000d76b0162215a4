import type { Clock } from "../base/clock.ts";
import { utf8Length } from "../base/encoding.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import { MAX_PAYLOAD_BYTES, SPOOL_QUOTAS } from "../base/limits.ts";
import type { Database } from "../base/sqlite.ts";
import { command, migrate, query, queryOne, transaction } from "../base/sqlite.ts";
import type { GapReason } from "../protocol/payloads/stream.ts";
import type { Gap } from "./gaps.ts";
import { Gaps } from "./gaps.ts";
import { SCHEMA } from "./schema.ts";

/** What waits at one place of a channel's order: a payload, or the account of those that were lost there. */
export type SpoolEntry = { seq: number; payload: unknown } | { seq: number; gap: Gap };

/** A row that does not hold what it should; it was moved to the quarantine and a person should look at it. */
export interface UnreadableRow {
  seq: number;
  reason: string;
}

/** The oldest entries of a channel, as far as they fit. */
export interface SpoolHead {
  entries: SpoolEntry[];
  unreadable: UnreadableRow[];
}

/** What waits in a channel. */
export interface SpoolCount {
  channel: string;
  /** Payloads, and gap records that stand for lost ones. */
  waiting: number;
  gaps: number;
  bytes: number;
  /** The share of the channel's quota that the bytes take. */
  quotaUsed: number;
  /** When the oldest was put in, milliseconds since 1970 UTC. */
  oldest: number;
}

/** A channel that takes this share of its quota should be looked at, while nothing is dropped yet. */
export const SPOOL_WARN_SHARE = 0.5;

/** What is kept of one channel, in bytes and for how long. */
type SpoolQuota = (typeof SPOOL_QUOTAS)[string];

interface ChannelRow {
  channel: string;
  stream: string;
  /** The number that was given last. */
  last: number;
  /** Up to this number, everything may have reached the platform. */
  sent: number;
  /** Payloads that wait, and their bytes; gap records are not counted. */
  waiting: number;
  bytes: number;
}

interface PayloadRow {
  seq: number;
  payload: string;
  bytes: number;
}

/** What stands around a payload in a batch, and what a gap record takes: roughly, as a batch is measured anyway. */
const ENVELOPE_BYTES = 40;
const GAP_BYTES = 250;

/**
 * The durable outbox. Whoever has a payload puts it in within the transaction of the work that it tells of, so
 * that neither exists without the other; the pump takes it out once the platform has said that it is stored.
 *
 * Each channel has an order of its own, numbered 1, 2, 3, … as its payloads are committed. No number is given
 * twice, also after a crash. What a quota drops is the oldest that was never sent, so it is certain that the
 * platform does not have it; in its place stands a gap record, which counts it and is itself never dropped.
 */
export class Spool {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #quotas: Readonly<Record<string, SpoolQuota>>;
  readonly #gaps: Gaps;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, clock: Clock, quotas = SPOOL_QUOTAS) {
    migrate(db, "spool", SCHEMA);
    this.#db = db;
    this.#clock = clock;
    this.#quotas = quotas;
    this.#gaps = new Gaps(db);
    this.#sql = statements(db);
  }

  /** Names the records of a channel to the platform: their numbers mean something only within one stream. */
  stream(channel: string): string {
    return this.#channel(channel).stream;
  }

  /** Gives a channel's records another name: what waits has not been sent by it. */
  renameStream(channel: string): void {
    this.#sql.rename(crypto.randomUUID(), channel);
  }

  /**
   * Puts a payload in. Call it within the transaction of the work that the payload tells of. When the channel is
   * over its quota then, the oldest that was never sent is dropped.
   *
   * @throws {SallyportError} `internal` when the payload is over the limit: its maker must cut it.
   */
  put(channel: string, payload: unknown): void {
    const text = JSON.stringify(payload);
    const bytes = utf8Length(text);
    if (bytes > MAX_PAYLOAD_BYTES) {
      throw new SallyportError(
        "internal",
        `a ${channel} payload has ${bytes} bytes; the spool takes ${MAX_PAYLOAD_BYTES}`,
      );
    }
    transaction(this.#db, () => {
      const row = this.#sql.give(bytes, channel) ?? this.#sql.give(bytes, this.#channel(channel).channel)!;
      this.#sql.insert(channel, row.last, bytes, this.#clock.now(), text);
      const excess = row.bytes - this.#quota(channel).bytes;
      if (excess > 0) this.#dropBytes(row, excess);
    });
  }

  /** Drops what was never sent and has waited for longer than its quota allows; returns how many that were. */
  expire(): number {
    let dropped = 0;
    for (const { channel } of this.#sql.channels()) {
      const cutoff = this.#clock.now() - this.#quota(channel).ageMs;
      const isDue = ({ sent }: ChannelRow) =>
        (this.#sql.facts(channel, sent, 1)[0]?.put_at ?? Infinity) < cutoff;
      if (!isDue(this.#channel(channel))) continue;
      dropped += transaction(this.#db, () => {
        const row = this.#channel(channel); // the pump may have sent something meanwhile
        const younger = this.#sql.younger(channel, row.sent, cutoff)?.seq ?? row.last + 1;
        return this.#drop(row, row.sent, younger - 1, "quota-age");
      });
    }
    return dropped;
  }

  /**
   * The entries of a channel behind the number `after`, oldest first, at least one if there is one, and no more
   * than the two limits allow. They stay in the spool until {@linkcode settle}. Rows that cannot be read are
   * quarantined and named, and gap records stand in their places.
   */
  head(channel: string, after: number, limits: { records: number; bytes: number }): SpoolHead {
    const rows = withinBytes(this.#sql.rows(channel, after, limits.records), limits.bytes);
    const entries: SpoolEntry[] = [];
    const unreadable: UnreadableRow[] = [];
    for (const { seq, payload } of rows) {
      try {
        entries.push({ seq, payload: JSON.parse(payload) });
      } catch (error) {
        unreadable.push({ seq, reason: `the row is not JSON: ${messageOf(error)}` });
      }
    }
    for (const { seq, reason } of unreadable) this.quarantine(channel, seq, reason);
    // Behind the last row that was taken there may be more; a gap must not overtake it.
    const [next] = this.#sql.facts(channel, rows.at(-1)?.seq ?? after, 1);
    const end = next?.seq ?? Number.MAX_SAFE_INTEGER;
    const gaps = this.#gaps.list(channel, after, end - 1, Math.ceil(limits.bytes / GAP_BYTES));
    if (gaps.length === 0) return { entries, unreadable };
    const merged = [...entries, ...gaps.map(({ seq, ...gap }) => ({ seq, gap }))].sort((a, b) =>
      a.seq - b.seq
    );
    return { entries: merged.slice(0, limits.records), unreadable };
  }

  /** Whether nothing waits in a channel. */
  isEmpty(channel: string): boolean {
    return this.#channel(channel).waiting === 0 && this.#gaps.count(channel).n === 0;
  }

  /** Up to which number everything may have reached the platform. */
  sentThrough(channel: string): number {
    return this.#channel(channel).sent;
  }

  /** Notes that everything up to a number may reach the platform from now on: call it before it is sent. */
  sent(channel: string, through: number): void {
    this.#sql.sent(through, channel);
  }

  /** Removes the entries of a channel up to and with a number: the platform has them, or must not. */
  settle(channel: string, through: number): void {
    transaction(this.#db, () => {
      const { records, bytes } = this.#sql.sum(channel, 0, through)!;
      this.#sql.delete(channel, 0, through);
      this.#sql.count(-records, -bytes, channel);
      this.#gaps.settle(channel, through);
    });
  }

  /**
   * Gives what waits new numbers, because the platform has a number that was never sent from here: this database
   * went back to an earlier state, and has given numbers for the second time. What waits may be stored already, which
   * nobody can tell; it is sent again. A gap record tells of what was lost on the way back.
   */
  wentBack(channel: string, through: number): void {
    transaction(this.#db, () => {
      this.#sql.renumber(through, channel);
      this.#gaps.renumber(channel, through);
      this.#sql.skip(through, channel);
      this.#rolledBack(channel);
    });
  }

  /** Notes of every channel that this database went back to an earlier state, or took the place of one that is gone. */
  rolledBack(): void {
    for (const channel of Object.keys(this.#quotas)) {
      this.#channel(channel);
      this.#rolledBack(channel);
    }
  }

  /** Puts a gap in behind what waits: payloads are lost, and where they stood is not known. */
  lost(channel: string, gap: Gap): void {
    transaction(this.#db, () => {
      const { last, sent } = this.#sql.next(channel)!;
      this.#gaps.add(channel, last, sent, gap);
    });
  }

  /**
   * Makes the counts of a channel fit what is there, up to the number `last`, and leaves `skipped` numbers out, of
   * which any may have been given and sent; returns what the counts said before.
   */
  recount(
    channel: string,
    { records, bytes, last }: { records: number; bytes: number; last: number },
    skipped: number,
  ): { waiting: number; bytes: number } {
    const before = this.#channel(channel);
    const highest = Math.max(before.last, last);
    this.#sql.recount(records, bytes, highest + skipped, channel);
    return before;
  }

  /** Sets one payload aside, so that it does not hold up those behind it; a gap record tells of it. */
  quarantine(channel: string, seq: number, reason: string): void {
    transaction(this.#db, () => {
      this.#sql.setAside(reason, this.#clock.now(), channel, seq);
      this.#drop(this.#channel(channel), seq - 1, seq, "unreadable");
    });
  }

  /** What waits, by channel; channels in which nothing waits are left out. */
  counts(): SpoolCount[] {
    return this.#sql.channels().flatMap(({ channel, waiting, bytes }) => {
      const { n: gaps, first } = this.#gaps.count(channel);
      if (waiting + gaps === 0) return [];
      const oldest = Math.min(this.#sql.facts(channel, 0, 1)[0]?.put_at ?? Infinity, first ?? Infinity);
      const quotaUsed = bytes / this.#quota(channel).bytes;
      return [{ channel, waiting: waiting + gaps, gaps, bytes, quotaUsed, oldest }];
    });
  }

  /** How many payloads could not be read and were set aside. */
  quarantined(): number {
    return this.#sql.quarantined()!.n;
  }

  /** How many payloads were ever put in. */
  total(): number {
    return this.#sql.channels().reduce((sum, { last }) => sum + last, 0);
  }

  #rolledBack(channel: string): void {
    const last = this.#clock.now();
    this.lost(channel, { reason: "rolled-back", records: 0, bytes: 0, first: null, last });
  }

  /** Drops the oldest that were never sent, until `excess` bytes are gone or nothing is left to drop. */
  #dropBytes(row: ChannelRow, excess: number): void {
    let freed = 0;
    let through = row.sent;
    while (freed < excess) {
      const [oldest] = this.#sql.facts(row.channel, through, 1);
      if (!oldest) break;
      freed += oldest.bytes;
      through = oldest.seq;
    }
    this.#drop(row, row.sent, through, "quota-bytes");
  }

  /** Removes the payloads behind `after` up to `through`, and accounts for them; returns how many there were. */
  #drop({ channel, sent }: ChannelRow, after: number, through: number, reason: GapReason): number {
    const { seq, records, bytes, first, last } = this.#sql.sum(channel, after, through)!;
    if (records === 0) return 0;
    this.#sql.delete(channel, after, through);
    this.#sql.count(-records, -bytes, channel);
    this.#gaps.add(channel, seq!, sent, { reason, records, bytes, first, last: last! });
    return records;
  }

  #quota(channel: string): SpoolQuota {
    const quota = this.#quotas[channel];
    if (!quota) throw new SallyportError("internal", `the spool has no quota for the channel ${channel}`);
    return quota;
  }

  #channel(channel: string): ChannelRow {
    this.#quota(channel);
    const read = () => this.#sql.channel(channel);
    return read() ?? transaction(this.#db, () => {
      // The other half may have been first between the look and the lock.
      this.#sql.open(channel, crypto.randomUUID());
      return read()!;
    });
  }
}

function withinBytes(rows: readonly PayloadRow[], limit: number): readonly PayloadRow[] {
  let total = 0;
  const over = rows.findIndex(({ bytes }, i) => (total += bytes + ENVELOPE_BYTES) > limit && i > 0);
  return over === -1 ? rows : rows.slice(0, over);
}

/** In most of them, numbers mean "behind this one" and "up to this one". */
function statements(db: Database) {
  const range = "FROM spool WHERE channel = ? AND seq > ? AND seq <= ?";
  const behind = "FROM spool WHERE channel = ? AND seq > ?";
  return {
    open: command(db, "INSERT OR IGNORE INTO spool_channels (channel, stream) VALUES (?, ?)"),
    channel: queryOne<ChannelRow>(db, "SELECT * FROM spool_channels WHERE channel = ?"),
    channels: query<ChannelRow>(db, "SELECT * FROM spool_channels ORDER BY channel"),
    rename: command(db, "UPDATE spool_channels SET stream = ? WHERE channel = ?"),
    give: queryOne<ChannelRow>(
      db,
      `UPDATE spool_channels SET last = last + 1, waiting = waiting + 1, bytes = bytes + ? WHERE channel = ?
       RETURNING *`,
    ),
    count: command(
      db,
      "UPDATE spool_channels SET waiting = waiting + ?, bytes = bytes + ? WHERE channel = ?",
    ),
    recount: command(
      db,
      "UPDATE spool_channels SET waiting = ?1, bytes = ?2, sent = ?3, last = ?3 WHERE channel = ?4",
    ),
    next: queryOne<ChannelRow>(
      db,
      "UPDATE spool_channels SET last = last + 1 WHERE channel = ? RETURNING *",
    ),
    skip: command(db, "UPDATE spool_channels SET last = last + ?1, sent = sent + ?1 WHERE channel = ?2"),
    renumber: command(db, "UPDATE spool SET seq = seq + ? WHERE channel = ?"),
    sent: command(db, "UPDATE spool_channels SET sent = max(sent, ?) WHERE channel = ?"),
    insert: command(db, "INSERT INTO spool VALUES (?, ?, ?, ?, ?)"),
    rows: query<PayloadRow>(db, `SELECT seq, payload, bytes ${behind} ORDER BY seq LIMIT ?`),
    facts: query<{ seq: number; bytes: number; put_at: number }>(
      db,
      `SELECT seq, bytes, put_at ${behind} ORDER BY seq LIMIT ?`,
    ),
    younger: queryOne<{ seq: number }>(db, `SELECT seq ${behind} AND put_at >= ? ORDER BY seq LIMIT 1`),
    sum: queryOne<
      { seq: number | null; records: number; bytes: number; first: number | null; last: number | null }
    >(
      db,
      `SELECT min(seq) AS seq, count(*) AS records, coalesce(sum(bytes), 0) AS bytes, min(put_at) AS first,
         max(put_at) AS last ${range}`,
    ),
    delete: command(db, `DELETE ${range}`),
    setAside: command(
      db,
      `INSERT OR IGNORE INTO spool_quarantine
       SELECT channel, seq, payload, ?, ? FROM spool WHERE channel = ? AND seq = ?`,
    ),
    quarantined: queryOne<{ n: number }>(db, "SELECT count(*) AS n FROM spool_quarantine"),
  };
}
