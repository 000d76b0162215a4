import { isDiskFull } from "../../base/errors.ts";
import { RESERVE_BYTES } from "../../base/limits.ts";

/** The source of randomness gives no more at a time. */
const CHUNK_BYTES = 64 * 1024;
/** How much is given up at a time: enough for any one transaction of the gatehouse. */
export const SLICE_BYTES = 1024 * 1024;

/**
 * Room on the disk that is kept back for a time when there is none: a file that is cut shorter then. It goes in
 * slices, as others who write to a full disk take most of what is given up. Its length is all that is to be known of
 * it, so a crash at any moment leaves one that is right: `bytes` and `fill` take it as it is found.
 *
 * It holds random bytes: a file system that compresses, or leaves holes, would keep nothing back for zeros. And it is
 * how room is measured, by writing behind its end: to ask for the free bytes needs a permission that opens much more.
 */
export class Reserve {
  readonly #path: string;
  /** How much it holds when it is whole. */
  readonly wholeBytes: number;
  #wasNeeded = false;

  constructor(path: string, wholeBytes = RESERVE_BYTES) {
    this.#path = path;
    this.wholeBytes = wholeBytes;
  }

  /** Whether it had to give something up since this program was started. */
  get wasNeeded(): boolean {
    return this.#wasNeeded;
  }

  /** How much is kept back now. */
  get bytes(): number {
    try {
      return Math.min(Deno.statSync(this.#path).size, this.wholeBytes);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }

  /** Whether so many bytes are free beside it. */
  hasRoom(bytes: number): boolean {
    return this.#stretch(this.bytes + bytes, (before) => before);
  }

  /** Fills it up as far as `besideBytes` stay free; returns whether it is whole then, and so many are free. */
  fill(besideBytes: number): boolean {
    return this.#stretch(
      this.wholeBytes + besideBytes,
      (before, reached) => Math.max(before, Math.min(reached - besideBytes, this.wholeBytes)),
    );
  }

  /** Gives a slice up; false when nothing is left. */
  giveUp(): boolean {
    const { bytes } = this;
    this.#wasNeeded = true;
    if (bytes === 0) return false;
    Deno.truncateSync(this.#path, Math.max(0, bytes - SLICE_BYTES));
    return true;
  }

  /** Lets it grow to a length as far as there is room, then cuts it to what is to stay; whether there was room. */
  #stretch(toBytes: number, staying: (before: number, reached: number) => number): boolean {
    const before = this.bytes;
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(this.#path, { create: true, write: true, mode: 0o600 });
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    }
    using _file = file;
    const reached = grow(file, before, toBytes);
    const stays = staying(before, reached);
    file.truncateSync(stays);
    if (stays > before && !sync(file)) file.truncateSync(before);
    return reached >= toBytes;
  }
}

/** Writes from one length to another, as far as there is room; returns how far that was. */
function grow(file: Deno.FsFile, from: number, to: number): number {
  const chunk = new Uint8Array(CHUNK_BYTES);
  file.seekSync(from, Deno.SeekMode.Start);
  try {
    for (let at = from;;) {
      if (at >= to) return at;
      crypto.getRandomValues(chunk);
      at += file.writeSync(chunk.subarray(0, to - at));
      from = at;
    }
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return from;
  }
}

/** Some file systems look for room only now. */
function sync(file: Deno.FsFile): boolean {
  try {
    file.syncDataSync();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}
