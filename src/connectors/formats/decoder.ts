/**
 * Bytes to text, a chunk at a time, telling damage apart from content: a byte that is not UTF-8 becomes the lone
 * surrogate U+DC80 + (byte - 0x80), which sound UTF-8 can never yield. So a reader can fail just the documents
 * that hold one ({@linkcode isDamaged}), and the dead letter still says which bytes stood there.
 */
export interface ChunkDecoder {
  /** The text of the next bytes; a character cut off at their end waits for the next call. */
  decode(bytes: Uint8Array): string;
  /** The text of what is left when the input has ended. */
  end(): string;
  /** Whether any damage was seen yet: when not, no document need be looked at. */
  readonly damaged: boolean;
}

export const ENCODINGS = ["utf-8", "windows-1252"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** A decoder for one input. A byte order mark at its start is dropped. */
export function createDecoder(encoding: Encoding): ChunkDecoder {
  return encoding === "utf-8" ? new Utf8Decoder() : new SingleByteDecoder(encoding);
}

/** Whether text holds a byte that was not UTF-8. */
export function isDamaged(text: string): boolean {
  return !text.isWellFormed();
}

class Utf8Decoder implements ChunkDecoder {
  damaged = false;
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #left: Uint8Array = new Uint8Array(0);
  #atStart = true;

  decode(bytes: Uint8Array): string {
    const joined = this.#left.length === 0 ? bytes : concat(this.#left, bytes);
    const end = joined.length - incompleteTail(joined);
    this.#left = joined.slice(end);
    return this.#text(joined.subarray(0, end));
  }

  end(): string {
    const rest = this.#left;
    this.#left = new Uint8Array(0);
    return this.#text(rest);
  }

  #text(bytes: Uint8Array): string {
    if (bytes.length === 0) return "";
    let text: string;
    try {
      text = this.#strict.decode(bytes);
    } catch {
      this.damaged = true;
      text = decodeDamaged(bytes);
    }
    if (this.#atStart && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    this.#atStart = false;
    return text;
  }
}

class SingleByteDecoder implements ChunkDecoder {
  readonly damaged = false;
  readonly #decoder: TextDecoder;

  constructor(encoding: Encoding) {
    this.#decoder = new TextDecoder(encoding);
  }

  decode(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes);
  }

  end(): string {
    return "";
  }
}

/** How many bytes at the end begin a character that is not complete. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < sequenceLength(byte) ? back : 0;
  }
  return 0;
}

function sequenceLength(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/** The slow way, for a chunk that holds damage: sound runs as they are, other bytes as lone surrogates. */
function decodeDamaged(bytes: Uint8Array): string {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  let sound = 0;
  for (let at = 0; at < bytes.length;) {
    const length = soundLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(strict.decode(bytes.subarray(sound, at)), String.fromCharCode(0xdc00 + bytes[at]!));
    sound = ++at;
  }
  parts.push(strict.decode(bytes.subarray(sound)));
  return parts.join("");
}

/** The length of the well-formed sequence that starts here, or 0 (Unicode, table 3-7). */
function soundLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = sequenceLength(lead);
  const [low, high] = SECOND_BYTE[lead] ?? [0x80, 0xbf];
  const second = bytes[at + 1] ?? 0;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

const SECOND_BYTE: Record<number, [number, number]> = {
  0xe0: [0xa0, 0xbf],
  0xed: [0x80, 0x9f],
  0xf0: [0x90, 0xbf],
  0xf4: [0x80, 0x8f],
};

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
