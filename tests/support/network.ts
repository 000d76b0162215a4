import { TextLineStream } from "@std/streams/text-line-stream";
import { fromFileUrl } from "@std/path";
import { messageOf } from "../../src/base/errors.ts";
import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { agentFromSource } from "../../scripts/lib/agent_process.ts";
import { Fleet } from "./fleet.ts";
import type { Carried, Conditions } from "./packet_relay.ts";

const RELAY = fromFileUrl(new URL("./packet_relay.ts", import.meta.url));
/** Files that stand in the place of those in /etc for a program in a namespace: ip-netns(8). */
const SETTINGS = "/etc/netns";
const PREFIX = "sallyport-test-";
/** Addresses for measurements, which no real network uses (RFC 2544): so many pairs, each a network of its own. */
const PAIRS = 2 ** 15;

/** Why there can be no network namespace to test in; undefined when there can. */
export async function whyNoNetwork(): Promise<string | undefined> {
  try {
    await using _network = await Network.open();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** A home whose agent is behind this network, and a platform at the near end, which may have a name. */
export async function fleetBehind(network: Network, heartbeatSeconds: number, name?: string): Promise<Fleet> {
  const program = async (address: string) =>
    network.inside(await agentFromSource(name ? address.replace(network.near, name) : address));
  const fleet = await Fleet.start(program, undefined, network.near);
  await fleet.stopPlatform();
  await fleet.startPlatform({ heartbeatSeconds, hostnames: name ? [name] : [] });
  return fleet;
}

/**
 * A network namespace, and the one wire that leads out of it, to the test: no other traffic comes in or out. What
 * the wire does to packets can be changed at any time.
 */
export class Network implements AsyncDisposable {
  readonly namespace: string;
  /** The test's end: where the platform listens. */
  readonly near: string;
  readonly #relay: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #conditions: Conditions = { loss: 0, delayMs: 0 };

  private constructor(namespace: string, near: string, relay: Deno.ChildProcess) {
    this.namespace = namespace;
    this.near = near;
    this.#relay = relay;
    this.#input = relay.stdin.getWriter();
    const text: ReadableStream<string> = relay.stdout.pipeThrough(new TextDecoderStream());
    const lines: ReadableStream<string> = text.pipeThrough(new TextLineStream());
    this.#output = lines.getReader();
  }

  /** Lays the wire. There is one at a time in a process; rejects where the machine does not allow it. */
  static async open(): Promise<Network> {
    await removeLeftovers();
    const [namespace, devices] = [`${PREFIX}${Deno.pid}`, [`sp${Deno.pid}near`, `sp${Deno.pid}far`] as const];
    const [near, far] = addresses(Deno.pid);
    await ip("netns", "add", namespace);
    const relay = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", RELAY, ...devices],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const network = new Network(namespace, near, relay);
    try {
      const problem = await network.#answer();
      if (problem !== "") throw new Error(problem);
      await ip("link", "set", devices[1], "netns", namespace);
      await ip("address", "add", `${near}/30`, "dev", devices[0]);
      await ip("link", "set", devices[0], "up");
      await ip("-n", namespace, "address", "add", `${far}/30`, "dev", devices[1]);
      await ip("-n", namespace, "link", "set", devices[1], "up");
      await ip("-n", namespace, "link", "set", "lo", "up");
      await Deno.mkdir(`${SETTINGS}/${namespace}`, { recursive: true });
      await Deno.writeTextFile(
        `${SETTINGS}/${namespace}/resolv.conf`,
        `nameserver ${near}\noptions timeout:1 attempts:1\n`,
      );
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same program, in the namespace. Names are asked for at port 53 of {@linkcode near}. */
  inside({ command, args }: AgentProgram): AgentProgram {
    return { command: "ip", args: ["netns", "exec", this.namespace, command, ...args] };
  }

  /** Changes what the wire does from now on. What is not named stays; what is under way arrives. */
  async become(conditions: Partial<Conditions>): Promise<void> {
    this.#conditions = { ...this.#conditions, ...conditions };
    await this.carried();
  }

  /** What went over the wire so far. */
  async carried(): Promise<Carried> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(this.#conditions) + "\n"));
    return JSON.parse(await this.#answer());
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#output.read();
    if (done) throw new Error("the packet relay has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#relay.status;
    await this.#output.cancel();
    await remove(this.namespace);
  }
}

/** Both ends of the wire: a network of four addresses for each process. */
function addresses(pid: number): [near: string, far: string] {
  const first = (pid % PAIRS) * 4;
  const address = (number: number) => `198.${18 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`;
  return [address(first + 1), address(first + 2)];
}

/** Removes the namespaces of test processes that ended before they could do it themselves. */
async function removeLeftovers(): Promise<void> {
  for (const { name } of JSON.parse(await ip("-json", "netns", "list") || "[]")) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(name.slice(PREFIX.length));
    const isAlive = pid !== Deno.pid && await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
    if (!isAlive) await remove(name).catch(() => {}); // another test process may be faster
  }
}

async function remove(namespace: string): Promise<void> {
  await ip("netns", "delete", namespace);
  await Deno.remove(`${SETTINGS}/${namespace}`, { recursive: true }).catch(() => {});
}

/** Runs iproute2's `ip`. */
async function ip(...args: string[]): Promise<string> {
  try {
    const { success, stdout, stderr } = await new Deno.Command("ip", { args, stdin: "null" }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    if (!success) throw new Error(`\`ip ${args.join(" ")}\` does not work here: ${text(stderr)}`);
    return text(stdout);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("there is no `ip` here (Debian: apt-get install iproute2)");
  }
}
