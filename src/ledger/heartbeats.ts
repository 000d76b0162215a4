/**
 * Heartbeats, folded without losing anything. A heartbeat is a frame with nothing but who sends it, its number
 * and what the agent can do; the next one differs in its number only. So the first one and a count say exactly
 * which bytes were sent.
 *
 * The frame, with the field numbers of OpAMP: `00` | `0a 10` instance_uid, 16 bytes | `10` sequence_num, varint |
 * `20` capabilities, varint.
 */

const SEQUENCE_AT = 20;
/** 49 bits: no agent gets there, and numbers stay exact. */
const MAX_SEQUENCE_BYTES = 7;
const MAX_SEQUENCE = 2 ** (7 * MAX_SEQUENCE_BYTES) - 1;

/** The most heartbeats in one entry: more than a day has at the usual interval, and few enough to hash at once. */
export const MAX_HEARTBEATS = 4_096;

/** A heartbeat in its parts. */
interface Heartbeat {
  head: Uint8Array;
  sequence: number;
  tail: Uint8Array;
}

/** The sequence number of a frame that is a heartbeat; undefined when it is anything else. */
export function heartbeatSequence(frame: Uint8Array): number | undefined {
  return read(frame)?.sequence;
}

/**
 * The frames of 1 to {@linkcode MAX_HEARTBEATS} heartbeats, one after another, of which the first is given;
 * undefined when that is no heartbeat, or there cannot be so many after it.
 */
export function expandHeartbeats(first: Uint8Array, count: number): Uint8Array<ArrayBuffer> | undefined {
  const heartbeat = read(first);
  if (!heartbeat || !(count >= 1 && count <= MAX_HEARTBEATS)) return undefined;
  const { head, sequence, tail } = heartbeat;
  if (sequence + count - 1 > MAX_SEQUENCE) return undefined;
  const all = new Uint8Array(count * (head.length + MAX_SEQUENCE_BYTES + tail.length));
  let at = 0;
  for (let i = 0; i < count; i++) {
    all.set(head, at);
    at = writeVarint(all, at + head.length, sequence + i);
    all.set(tail, at);
    at += tail.length;
  }
  return all.subarray(0, at);
}

/** Whether a frame is exactly the heartbeat that comes `steps` after another. */
export function isHeartbeatAfter(first: Uint8Array, steps: number, frame: Uint8Array): boolean {
  const heartbeat = read(first);
  if (!heartbeat || heartbeat.sequence + steps > MAX_SEQUENCE) return false;
  const { head, sequence, tail } = heartbeat;
  const expected = new Uint8Array(head.length + MAX_SEQUENCE_BYTES + tail.length);
  expected.set(head);
  const at = writeVarint(expected, head.length, sequence + steps);
  expected.set(tail, at);
  const length = at + tail.length;
  return frame.length === length && frame.every((byte, i) => byte === expected[i]);
}

function read(frame: Uint8Array): Heartbeat | undefined {
  if (frame[0] !== 0 || frame[1] !== 0x0a || frame[2] !== 16 || frame[SEQUENCE_AT - 1] !== 0x10) {
    return undefined;
  }
  const end = endOfVarint(frame, SEQUENCE_AT);
  if (end === undefined || end - SEQUENCE_AT > MAX_SEQUENCE_BYTES) return undefined;
  // A varint with a needless zero at its end is not what we would write again.
  if (frame[end - 1] === 0) return undefined;
  if (frame[end] !== 0x20 || endOfVarint(frame, end + 1) !== frame.length) return undefined;
  let sequence = 0;
  for (let i = end - 1; i >= SEQUENCE_AT; i--) sequence = sequence * 128 + (frame[i]! & 0x7f);
  return { head: frame.subarray(0, SEQUENCE_AT), sequence, tail: frame.subarray(end) };
}

function endOfVarint(bytes: Uint8Array, at: number): number | undefined {
  for (let i = at; i < bytes.length && i < at + 10; i++) if (bytes[i]! < 0x80) return i + 1;
  return undefined;
}

function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80;
  into[at++] = rest;
  return at;
}
