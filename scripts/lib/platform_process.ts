import { join } from "@std/path";
import { ROOT } from "./permissions.ts";
import { PlatformClient } from "./platform_client.ts";

/** Descriptors beside those of the agents: the database, the API's connections, the runtime. */
const SPARE_DESCRIPTORS = 1_000;

export interface PlatformProcessOptions {
  dataDir: string;
  port: number;
  /** How many agents may be connected. */
  connections: number;
  /** Default: the platform's own. */
  heartbeatSeconds?: number;
}

/** The platform as a process of its own, which can be killed and started again on the same data and port. */
export class PlatformProcess implements AsyncDisposable {
  readonly #options: PlatformProcessOptions;
  #child: Deno.ChildProcess | undefined;

  constructor(options: PlatformProcessOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  get authority(): string {
    return `127.0.0.1:${this.#options.port}`;
  }

  /** Starts it and waits until it listens. */
  async start(): Promise<void> {
    const { dataDir, port, connections, heartbeatSeconds } = this.#options;
    const args = [
      ...["run", "-A", "--quiet", "--no-check", `${ROOT}/src/platform/main.ts`],
      ...["--data", dataDir, "--listen", `127.0.0.1:${port}`, "--token-file", join(dataDir, "token")],
      ...["--log-level", "error", "--json"],
      ...(heartbeatSeconds === undefined ? [] : ["--heartbeat", String(heartbeatSeconds)]),
    ];
    this.#child = spawnWithDescriptors(connections + SPARE_DESCRIPTORS, Deno.execPath(), args);
    await firstLine(this.#child);
  }

  /** A client with the first token. */
  async client(): Promise<PlatformClient> {
    const [token, ca] = await Promise.all(
      ["token", "ca.pem"].map((name) => Deno.readTextFile(join(this.#options.dataDir, name))),
    );
    return new PlatformClient(`https://${this.authority}`, token!.trim(), ca!);
  }

  /** Kills it, and waits for its end. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  /** Asks it to stop, and gives its exit code. */
  async stop(): Promise<number> {
    this.#child!.kill("SIGTERM");
    const { code } = await this.#child!.status;
    this.#child = undefined;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Starts a program that may have this many files open, or as many as the system lets it. */
export function spawnWithDescriptors(
  descriptors: number,
  command: string,
  args: string[],
): Deno.ChildProcess {
  const script = 'ulimit -n "$0" 2>/dev/null || echo "the limit of open files cannot be $0" >&2; exec "$@"';
  return new Deno.Command("sh", {
    args: ["-c", script, String(descriptors), command, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Waits for the first thing that a program prints, and leaves the rest unread. */
export async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value, done } = await reader.read();
  if (done) throw new Error("the program ended before it said anything");
  void reader.cancel();
  return value;
}
