import { TextLineStream } from "@std/streams/text-line-stream";
import { AGENT_CODE, agentFlags, ROOT } from "./permissions.ts";

/** How to start the agent: from source, or an executable. */
export interface AgentProgram {
  command: string;
  args: string[];
}

/** The agent from source, with exactly the permissions of the executable. */
export async function agentFromSource(
  authority: string,
  connect: readonly string[] = [],
): Promise<AgentProgram> {
  const flags = await agentFlags(authority, { code: AGENT_CODE, connect });
  return { command: Deno.execPath(), args: ["run", "--quiet", "--no-check", ...flags, `${ROOT}/main.ts`] };
}

/** From source, the runtime would look for a newer one of itself, at an address that is not the platform's. */
export const QUIET_RUNTIME = { DENO_NO_UPDATE_CHECK: "1" };

/** What a finished command gave. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs one command of the agent in a home, to its end. */
export async function runCommand(
  program: AgentProgram,
  home: string,
  words: string[],
  input = "",
): Promise<CommandResult> {
  const child = new Deno.Command(program.command, {
    args: [...program.args, ...words],
    cwd: home,
    env: QUIET_RUNTIME,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {}); // it may end without reading
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** What has not come by then will not come: even on a busy machine, nothing that is waited for takes as long. */
export const PATIENCE_MS = 180_000;

/** One line of the agent's log. */
export interface LogLine {
  level: string;
  message: string;
  [fact: string]: unknown;
}

/** A running agent whose log can be waited for. */
export class RunningAgent {
  readonly lines: LogLine[] = [];
  readonly child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #ended = false;

  constructor(program: AgentProgram, home: string, words: string[] = ["run"]) {
    this.child = new Deno.Command(program.command, {
      args: [...program.args, ...words, "--json"],
      cwd: home,
      env: QUIET_RUNTIME,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Waits for the first line, from `from` on, that `matches`. Rejects when the agent ends before, or takes minutes. */
  async line(matches: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    let isLate = false;
    const patience = setTimeout(() => {
      isLate = true;
      this.#wakeUp();
    }, PATIENCE_MS);
    try {
      for (let at = from;;) {
        for (; at < this.lines.length; at++) if (matches(this.lines[at]!)) return this.lines[at]!;
        if (this.#ended || isLate) {
          const why = this.#ended ? "the agent ended before" : `not within ${PATIENCE_MS / 60_000} minutes`;
          throw new Error(`${why}; its log ends with:\n${this.tail()}`);
        }
        await this.#wake.promise;
      }
    } finally {
      clearTimeout(patience);
    }
  }

  /** The last lines of its log. */
  tail(): string {
    return this.lines.slice(-20).map((line) => JSON.stringify(line)).join("\n");
  }

  /** Waits until it is connected; gives the milliseconds from the start of the process. */
  async connected(from = 0): Promise<number> {
    return Number(
      (await this.line(({ message }) => message === "connected to the platform", from)).sinceStartMs,
    );
  }

  /** Ends it with a signal and waits; gives the exit code. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.child.kill(signal);
    } catch {
      // it has ended by itself
    }
    const { code } = await this.child.status;
    await this.#reading;
    return code;
  }

  /** Ends it at once, without waiting: for a program that is ending itself. */
  kill(): void {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
  }

  async #read(): Promise<void> {
    const text: ReadableStream<string> = this.child.stderr
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of text) {
      this.lines.push(line.startsWith("{") ? JSON.parse(line) : { level: "raw", message: line });
      this.#wakeUp();
    }
    this.#ended = true;
    this.#wakeUp();
  }

  /** Everybody who waits looks again. */
  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
