/** What a look at a write-ahead log found. */
export interface WalCheck {
  /** Frames that SQLite will read, from the first on. */
  valid: number;
  /** Transactions behind them that had been committed to the disk: it will not see them any more. */
  lostCommits: number;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** The lowest bit of the magic number says in which order of bytes the checksums are. */
const MAGIC = 0x377f0682;

/**
 * Looks for damage in the middle of a write-ahead log (https://sqlite.org/fileformat2.html#the_write_ahead_log).
 * SQLite reads it up to the first frame whose checksum does not fit and takes the rest for the torn end of a
 * transaction, which is right after a crash: with `synchronous=FULL` only the last transaction can be torn. When
 * the frames behind belong to more than one, they had been on the disk, and what they held is lost.
 */
export function checkWal(file: Uint8Array): WalCheck {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES) return { valid: 0, lostCommits: 0 };
  const magic = view.getUint32(0);
  const pageBytes = view.getUint32(8);
  const isSound = (magic & ~1) >>> 0 === MAGIC && isPowerOfTwo(pageBytes);
  const sums = new Checksum(view, (magic & 1) === 0);
  sums.add(0, 24);
  if (!isSound || !sums.equals(24)) {
    return { valid: 0, lostCommits: commitsFrom(view, HEADER_BYTES, pageBytes) };
  }

  let valid = 0;
  for (let at = HEADER_BYTES;; at += FRAME_HEADER_BYTES + pageBytes) {
    if (at + FRAME_HEADER_BYTES + pageBytes > file.length || !hasSalts(view, at)) break;
    sums.add(at, 8);
    sums.add(at + FRAME_HEADER_BYTES, pageBytes);
    if (!sums.equals(at + 16)) {
      // One may be the transaction that was being written when the machine went down.
      return { valid, lostCommits: Math.max(0, commitsFrom(view, at, pageBytes) - 1) };
    }
    valid++;
  }
  return { valid, lostCommits: 0 };
}

/** How many of the frames from here on end a transaction of this log, and not of one that was written over. */
function commitsFrom(view: DataView, from: number, pageBytes: number): number {
  if (!isPowerOfTwo(pageBytes)) return 0;
  let commits = 0;
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  for (let at = from; at + frameBytes <= view.byteLength; at += frameBytes) {
    if (hasSalts(view, at) && view.getUint32(at + 4) > 0) commits++;
  }
  return commits;
}

/** Whether a frame carries the two random numbers of the log's header. */
function hasSalts(view: DataView, at: number): boolean {
  return view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
}

function isPowerOfTwo(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

/** The running checksum over a log: two sums, each of which goes into the other. */
class Checksum {
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #one = 0;
  #two = 0;

  constructor(view: DataView, littleEndian: boolean) {
    this.#view = view;
    this.#littleEndian = littleEndian;
  }

  add(from: number, bytes: number): void {
    let [one, two] = [this.#one, this.#two];
    for (let at = from; at < from + bytes; at += 8) {
      one = (one + this.#view.getUint32(at, this.#littleEndian) + two) >>> 0;
      two = (two + this.#view.getUint32(at + 4, this.#littleEndian) + one) >>> 0;
    }
    [this.#one, this.#two] = [one, two];
  }

  /** Whether the file has it at this place. */
  equals(at: number): boolean {
    return this.#view.getUint32(at) === this.#one && this.#view.getUint32(at + 4) === this.#two;
  }
}
