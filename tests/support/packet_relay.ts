/**
 * The bad network itself: carries IPv4 packets between two TUN devices, and loses, delays or swallows them on the
 * way. What `tc netem` does in the kernel, where the kernel has that; this needs nothing but `/dev/net/tun`.
 *
 *   deno run -A packet_relay.ts NEAR_DEVICE FAR_DEVICE
 *
 * Its first line is empty once the devices are there, or says why they cannot be. Then each line of its input is a
 * {@linkcode Conditions} as JSON, answered with what was carried until then. It ends with its input, and the devices
 * with it.
 */
import { TextLineStream } from "@std/streams/text-line-stream";
import { messageOf } from "../../src/base/errors.ts";

/** What the network does to each packet, in both directions. */
export interface Conditions {
  /** The share of packets that are lost, from 0 to 1: 1 swallows everything. */
  loss: number;
  /** How long a packet is under way, in milliseconds. */
  delayMs: number;
}

/** What was carried so far in one direction, with what was lost on the way. */
interface Count {
  packets: number;
  /** IP and TCP headers included. */
  bytes: number;
}

/** What was carried so far, from the far device to the near one (`up`) and back. */
export interface Carried {
  up: Count;
  down: Count;
  /** Where packets from the far device were to go, such as `tcp 192.0.2.1:443`. */
  destinations: string[];
}

/** linux/if_tun.h and fcntl.h */
const TUNSETIFF = BigInt(0x400454ca);
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const O_RDWR = 2;
/** Of `struct ifreq`: the name, and where the flags stand. */
const NAME_BYTES = 16;
const IFREQ_BYTES = 40;
/** Larger than any packet of a device with the usual MTU of 1,500 bytes. */
const PACKET_BYTES = 2_048;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

/** Makes a TUN device, which is there for as long as this program runs. */
function openDevice(name: string): number {
  const descriptor = libc.open(new TextEncoder().encode("/dev/net/tun\0"), O_RDWR);
  if (descriptor < 0) throw new Error("/dev/net/tun cannot be opened");
  const request = new Uint8Array(IFREQ_BYTES);
  new TextEncoder().encodeInto(name, request);
  new DataView(request.buffer).setUint16(NAME_BYTES, IFF_TUN | IFF_NO_PI, true);
  if (libc.ioctl(descriptor, TUNSETIFF, request) < 0) throw new Error(`the device ${name} cannot be made`);
  return descriptor;
}

/** Makes the devices, or ends this program with the reason why it cannot. */
function openDevices(names: readonly string[]): [number, number] {
  try {
    return names.map(openDevice) as [number, number];
  } catch (error) {
    console.log(messageOf(error));
    Deno.exit(1);
  }
}

/** The destination of an IPv4 packet (RFC 791, 3.1), with the port of TCP and UDP, which stands at the same place. */
function destination(packet: Uint8Array): string {
  const [protocol, headerBytes] = [packet[9]!, (packet[0]! & 0xf) * 4];
  const address = packet.subarray(16, 20).join(".");
  const name = { 6: "tcp", 17: "udp" }[protocol];
  if (!name) return `protocol ${protocol} ${address}`;
  return `${name} ${address}:${(packet[headerBytes + 2]! << 8) | packet[headerBytes + 3]!}`;
}

let conditions: Conditions = { loss: 0, delayMs: 0 };

async function carry(
  from: number,
  to: number,
  count: Count,
  look?: (packet: Uint8Array) => void,
): Promise<never> {
  for (;;) {
    const buffer = new Uint8Array(PACKET_BYTES);
    const length = Number(await libc.read(from, buffer, BigInt(buffer.length)));
    if (length <= 0) throw new Error("a device is gone");
    const packet = buffer.subarray(0, length);
    if (packet[0]! >> 4 !== 4) continue; // what IPv6 says when a device comes up is nobody's traffic
    count.packets++;
    count.bytes += length;
    look?.(packet);
    if (Math.random() < conditions.loss) continue;
    const deliver = () => void libc.write(to, packet, BigInt(length));
    if (conditions.delayMs === 0) deliver();
    else setTimeout(deliver, conditions.delayMs);
  }
}

if (import.meta.main) {
  const [near, far] = openDevices(Deno.args);
  const [up, down]: [Count, Count] = [{ packets: 0, bytes: 0 }, { packets: 0, bytes: 0 }];
  const destinations = new Set<string>();
  const broken = Promise.all([
    carry(far, near, up, (packet) => destinations.add(destination(packet))),
    carry(near, far, down),
  ]);
  broken.catch(() => Deno.exit(1));
  const text: ReadableStream<string> = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  const lines: ReadableStream<string> = text.pipeThrough(new TextLineStream());
  console.log("");
  for await (const line of lines) {
    conditions = JSON.parse(line);
    console.log(JSON.stringify({ up, down, destinations: [...destinations] } satisfies Carried));
  }
  Deno.exit(0);
}
