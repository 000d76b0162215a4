import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Platform, PlatformOptions } from "../../src/platform/platform.ts";
import { startPlatform } from "../../src/platform/platform.ts";
import type { AgentProgram, CommandResult } from "../../scripts/lib/agent_process.ts";
import { agentFromSource, PATIENCE_MS, runCommand, RunningAgent } from "../../scripts/lib/agent_process.ts";
import { PlatformClient } from "../../scripts/lib/platform_client.ts";
import { PlatformProcess } from "../../scripts/lib/platform_process.ts";

/** A platform and an agent's home, both real, both gone at the end of the scope. */
export class Fleet implements AsyncDisposable {
  readonly home: string;
  readonly #folder: string;
  readonly #listen: { host: string; port: number };
  readonly #program: AgentProgram;
  readonly #agents: RunningAgent[] = [];
  #platform: Platform | undefined;
  #client: PlatformClient | undefined;
  #token = "";

  private constructor(folder: string, listen: { host: string; port: number }, program: AgentProgram) {
    this.#folder = folder;
    this.#listen = listen;
    this.#program = program;
    this.home = `${folder}/home`;
  }

  /** Starts a platform; the agent runs from source unless another program is given. */
  static async start(
    program: (authority: string) => Promise<AgentProgram> = agentFromSource,
    port?: number,
    host = "127.0.0.1",
  ): Promise<Fleet> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sallyport-fleet-" }));
    await Deno.mkdir(`${folder}/home`);
    port ??= await freePort();
    const fleet = new Fleet(folder, { host, port }, await program(`${host}:${port}`));
    await fleet.startPlatform();
    return fleet;
  }

  get platform(): Platform {
    if (!this.#platform) throw new Error("the platform is down");
    return this.#platform;
  }

  get api(): PlatformClient {
    if (!this.#client) throw new Error("the platform is down");
    return this.#client;
  }

  /** The token of the platform's API. */
  get token(): string {
    return this.#token;
  }

  /** The platform's folder. */
  get platformData(): string {
    return `${this.#folder}/platform`;
  }

  /** Where the platform listens. */
  get authority(): string {
    return `${this.#listen.host}:${this.#listen.port}`;
  }

  get port(): number {
    return this.#listen.port;
  }

  get program(): AgentProgram {
    return this.#program;
  }

  /** Starts the platform, again on the same data and the same address unless `changes` say otherwise. */
  async startPlatform(changes: Partial<PlatformOptions> = {}): Promise<Platform> {
    this.#platform = await startPlatform({
      dataDir: this.platformData,
      listen: this.#listen,
      clock: systemClock,
      log: silentLog,
      ...changes,
    });
    this.#token = this.#platform.firstToken ?? this.#token;
    this.#client = new PlatformClient(`https://${this.authority}`, this.#token, this.#platform.ca);
    return this.#platform;
  }

  /** Goes on with the platform as a process of its own, which can be killed. */
  async platformProcess(heartbeatSeconds: number): Promise<PlatformProcess> {
    const { ca } = this.platform;
    await this.stopPlatform();
    const { port } = this.#listen;
    const options = { dataDir: this.platformData, port, connections: 10, heartbeatSeconds };
    const platform = new PlatformProcess(options);
    await platform.start();
    this.#client = new PlatformClient(`https://${this.authority}`, this.#token, ca);
    return platform;
  }

  async stopPlatform(): Promise<void> {
    this.#client?.close();
    await this.#platform?.close();
    this.#platform = this.#client = undefined;
  }

  /** Copies the agent's home, state and all, as a copied machine would; gives the folder of the copy. */
  async copyHome(): Promise<string> {
    const copy = `${this.#folder}/copy`;
    await copyFolder(this.home, copy);
    return copy;
  }

  /** Runs a command of the agent to its end. */
  run(words: string[], input = "", home = this.home): Promise<CommandResult> {
    return runCommand(this.#program, home, words, input);
  }

  /** Runs a command with `--json` and gives what it printed. */
  async json<T>(words: string[], home = this.home): Promise<T> {
    const { stdout, stderr } = await this.run([...words, "--json"], "", home);
    if (stdout === "") throw new Error(`${words.join(" ")} printed nothing: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async enrol(): Promise<void> {
    const { code, stderr } = await this.run(["enroll", "-", "--name", "test"], await this.api.bundle());
    if (code !== 0) throw new Error(`the enrolment failed: ${stderr}`);
  }

  /** Starts the agent, or a half of it; it is ended with the scope. */
  startAgent(
    words: string[] = ["run"],
    program: AgentProgram = this.#program,
    home = this.home,
  ): RunningAgent {
    const agent = new RunningAgent(program, home, words);
    this.#agents.push(agent);
    return agent;
  }

  /** Kills every agent that was started. */
  async killAgents(): Promise<void> {
    for (const agent of this.#agents) await agent.stop("SIGKILL");
  }

  /** What the platform knows of the one agent. */
  async agentView(): Promise<AgentView> {
    const { agents } = await this.api.get<{ agents: AgentView[] }>("/agents");
    return await this.api.get<AgentView>(`/agents/${agents[0]!.id}`);
  }

  async runViews(): Promise<RunView[]> {
    return (await this.api.get<{ runs: RunView[] }>("/runs?limit=500")).runs;
  }

  /** Writes a file into the home, under a name that no process sees until it is whole. */
  async drop(path: string, content: string): Promise<void> {
    const full = `${this.home}/${path}`;
    const [folder, name] = [full.slice(0, full.lastIndexOf("/")), full.slice(full.lastIndexOf("/") + 1)];
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/.${name}.part`, content);
    await Deno.rename(`${folder}/.${name}.part`, full);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killAgents();
    await this.stopPlatform();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Asks again and again until the answer `fits`; rejects, with the last answer, when that takes minutes. */
export async function eventually<T>(ask: () => Promise<T> | T, fits: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`still not after ${PATIENCE_MS / 60_000} minutes: ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** A process that turns CSV into NDJSON, with everything that can go wrong sent to `failed`. */
export const COPY_PROCESS = `process: copy
version: "1"
trigger: { watch: true }
source:
  disk: { path: in, glob: "*.csv", format: csv, after: { move: done } }
steps:
  - map: { fields: { id: id, amount: { from: amount, as: number } } }
sink:
  disk: { path: out, file: "{source}.ndjson", format: ndjson }
deadLetter: { path: failed }
`;

export interface Summary {
  agents: { online: number; total: number };
  runs: { total: number; succeeded: number; partial: number; failed: number; interrupted: number };
  documents: { in: number; out: number; failed: number };
  records: number;
}

export interface AgentView {
  id: string;
  name: string;
  state: "online" | "suspect" | "offline";
  reason?: string;
  transport?: string;
  health?: {
    healthy: boolean;
    components: Record<string, { healthy: boolean; status: string; lastError: string }>;
    conditions: { code?: string; severity: string; component?: string; reason: string; remedy?: string }[];
  };
  processes: { process: string; state: string; reason?: string }[];
  clones?: { starts: { id: string; address: string }[] };
  recovery?: { state: string };
  keyRotation?: { state: string; requestedAt: string };
}

export interface RunView {
  id: string;
  process: string;
  outcome: string;
  documents: { in: number; out: number; failed: number };
}

/** A request as the API tells of it. */
export interface RequestView {
  id: string;
  state: string;
  outcome?: { code?: string; reason?: string; retryAfterMs?: number };
  answer: { records: number; bytes: number };
}
