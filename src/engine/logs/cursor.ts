import type { Clock } from "../../base/clock.ts";
import { messageOf, SallyportError } from "../../base/errors.ts";
import { setAside } from "../../base/files.ts";
import type { LogGap } from "../../protocol/payloads/logs.ts";
import type { RunLogFiles } from "./files.ts";
import { LineReader } from "./line_reader.ts";
import type { Line } from "./line_reader.ts";
import { parseLine } from "./records.ts";
import type { LogHeader, LogLine } from "./records.ts";
import { headerOf, openIfThere } from "./state.ts";

/** Reads the lines of a run's log, through all its files, and goes on where it stopped when more has come. */
export class LogCursor implements Disposable {
  readonly #files: RunLogFiles;
  readonly #clock: Clock;
  #reader: LineReader | undefined;
  /** The beginning of the reader's file, of which nothing was read yet. */
  #opened: LogHeader | undefined;
  #segment = -1;
  /** Messages that were read or accounted for, and their bytes. */
  #seen = { records: 0, bytes: 0 };
  /** Lines before the present one that cannot be read. */
  #damage: LogGap | undefined;
  /** Whether a file was set aside: what it held is damaged, not over the cap. */
  #lostFile = false;

  constructor(files: RunLogFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /**
   * Whether there is anything to read.
   *
   * @throws {SallyportError} `state.unreadable` when it cannot be read at all; it was set aside then.
   */
  async begin(): Promise<boolean> {
    this.#opened ??= await this.#openNext();
    return this.#opened !== undefined;
  }

  /** The bytes of a last line that has no end. */
  get unfinishedBytes(): number {
    return this.#reader?.unfinishedBytes ?? 0;
  }

  /**
   * The lines from where the last call ended up to the present end, in groups, with gaps in the place of those that
   * are missing.
   *
   * @throws {SallyportError} `state.unreadable`, as {@linkcode begin} does.
   */
  async *lines(): AsyncGenerator<LogLine[]> {
    for (;;) {
      if (!this.#reader && !await this.begin()) return;
      if (this.#opened) yield this.#missingBefore(this.#opened);
      this.#opened = undefined;
      yield* this.#drain(this.#reader!);
      if (!await this.#isRotated()) return;
      yield* this.#drain(this.#reader!); // what was written to it before it was put away
      this.#reader![Symbol.dispose]();
      this.#reader = undefined;
    }
  }

  async *#drain(reader: LineReader): AsyncGenerator<LogLine[]> {
    for await (const lines of reader.lines()) yield lines.flatMap((line) => this.#read(line));
    yield this.#takeDamage();
  }

  #read(line: Line): LogLine[] {
    const read = line.text === undefined ? undefined : parseLine(line.text);
    if (read === undefined) {
      this.#addDamage(line);
      return [];
    }
    if (read.kind === "message") this.#count(1, line.bytes);
    if (read.kind === "gap") this.#count(read.records, read.bytes);
    return this.#damage ? [...this.#takeDamage(), read] : [read];
  }

  #takeDamage(): LogGap[] {
    const damage = this.#damage;
    this.#damage = undefined;
    return damage ? [damage] : [];
  }

  #addDamage({ text, bytes }: Line): void {
    const reason = text?.endsWith("}") === false ? "cut-short" : "damaged";
    this.#damage ??= { kind: "gap", reason, records: 0, bytes: 0 };
    this.#damage.records++;
    this.#damage.bytes += bytes;
    this.#count(1, bytes);
  }

  #count(records: number, bytes: number): void {
    this.#seen.records += records;
    this.#seen.bytes += bytes;
  }

  #missingBefore({ recordsBefore, bytesBefore }: LogHeader): LogGap[] {
    const records = recordsBefore - this.#seen.records;
    const bytes = Math.max(0, bytesBefore - this.#seen.bytes);
    this.#seen = { records: Math.max(recordsBefore, this.#seen.records), bytes: bytesBefore };
    return records > 0
      ? [{ kind: "gap", reason: this.#lostFile ? "damaged" : "over-cap", records, bytes }]
      : [];
  }

  /** Opens the file after the last one that was read, of the two that there may be. */
  async #openNext(): Promise<LogHeader | undefined> {
    // The current one first: if it is put away meanwhile, it is found once more as the older one.
    const found = [await this.#open(this.#files.current), await this.#open(this.#files.older)]
      .filter((each) => each !== undefined)
      .sort((a, b) => a.header.segment - b.header.segment);
    const next = found.find(({ header }) => header.segment > this.#segment);
    for (const { file } of found) if (file !== next?.file) file.close();
    if (!next) return undefined;
    this.#segment = next.header.segment;
    this.#reader = new LineReader(next.file);
    return next.header;
  }

  async #open(path: string): Promise<Opened | undefined> {
    const found = await beginning(path).catch(messageOf);
    return typeof found === "string" ? await this.#setAside(path, found) : found;
  }

  async #setAside(path: string, reason: string): Promise<undefined> {
    const aside = await setAside(path, this.#clock).then(
      (to) => `It was set aside as ${to}`,
      () => "It could not be set aside either",
    );
    this.#lostFile = true;
    if (path === this.#files.older) return undefined; // a gap says so, and the newer one is read
    throw new SallyportError("state.unreadable", `the log ${path} cannot be read: ${reason}`, {
      remedy: `${aside}. Look at it, and after the disk.`,
    });
  }

  async #isRotated(): Promise<boolean> {
    using file = await openIfThere(this.#files.current) ?? null;
    const header = file && await headerOf(file);
    return header ? header.segment > this.#segment : false;
  }

  [Symbol.dispose](): void {
    this.#reader?.[Symbol.dispose]();
  }
}

interface Opened {
  file: Deno.FsFile;
  header: LogHeader;
}

/** A log file at its beginning; undefined when nothing is there yet; or what is wrong with it. */
async function beginning(path: string): Promise<Opened | undefined | string> {
  const file = await openIfThere(path);
  if (!file) return undefined;
  try {
    const header = await headerOf(file);
    const isBegun = header !== undefined || await hasLine(file);
    await file.seek(0, Deno.SeekMode.Start);
    if (header) return { file, header };
    file.close();
    return isBegun ? "it does not begin as a log does" : undefined;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Whoever begins a file, or was killed when beginning it, has not written a line yet. */
async function hasLine(file: Deno.FsFile): Promise<boolean> {
  await file.seek(0, Deno.SeekMode.Start);
  const bytes = new Uint8Array(4096);
  const length = await file.read(bytes) ?? 0;
  return length === bytes.length || bytes.subarray(0, length).includes(0x0a);
}
