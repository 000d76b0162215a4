import { assertEquals } from "@std/assert";
import type { AgentProgram, CommandResult } from "../../scripts/lib/agent_process.ts";
import { agentFromSource, runCommand } from "../../scripts/lib/agent_process.ts";

/** A home that was never enrolled, for the agent from source with its real permissions. */
export class Home implements AsyncDisposable {
  readonly path: string;
  readonly #program: AgentProgram;

  private constructor(path: string, program: AgentProgram) {
    this.path = path;
    this.#program = program;
  }

  /** `program` is the agent, if not the one from source with exactly its permissions. */
  static async make(program?: AgentProgram): Promise<Home> {
    const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "sallyport-cli-" }));
    return new Home(path, withColour(program ?? await agentFromSource("127.0.0.1:9")));
  }

  /** Writes a file below the home. */
  async write(path: string, text: string): Promise<void> {
    const full = `${this.path}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(full, text);
  }

  /** Runs a command for people; its output must not drive a terminal that it does not have. */
  async run(...words: string[]): Promise<CommandResult> {
    const result = await runCommand(this.#program, this.path, words);
    assertPlain(result);
    return result;
  }

  /** Runs a command for scripts: standard output must be one line of JSON, and standard error empty. */
  // deno-lint-ignore no-explicit-any -- what a script would see: anything
  async json(...words: string[]): Promise<{ code: number; value: any }> {
    return asJson(await runCommand(this.#program, this.path, [...words, "--json"]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The agent without `NO_COLOR`, under which it would have no reason to be plain. */
export function withColour({ command, args }: AgentProgram): AgentProgram {
  return { command: "env", args: ["-u", "NO_COLOR", command, ...args] };
}

/** Output that is piped has no escape codes. */
export function assertPlain({ stdout, stderr }: CommandResult): void {
  assertEquals([stdout.includes("\x1b"), stderr.includes("\x1b")], [false, false], stdout + stderr);
}

/** The one JSON object on standard output; nothing may stand beside it. */
// deno-lint-ignore no-explicit-any -- what a script would see: anything
export function asJson({ code, stdout, stderr }: CommandResult): { code: number; value: any } {
  assertEquals([stdout.split("\n").length, stdout.at(-1), stderr], [2, "\n", ""], stdout + stderr);
  const value = JSON.parse(stdout);
  assertEquals([typeof value, Array.isArray(value)], ["object", false]);
  return { code, value };
}
