import type { AgentProgram } from "../../scripts/lib/agent_process.ts";
import { ROOT } from "../../scripts/lib/permissions.ts";

/** Why there is no executable to test; undefined when there can be one. */
export async function whyNoExecutable(): Promise<string | undefined> {
  const compiler = Deno.env.get("DENO_COMPILE_BIN");
  if (compiler && Deno.env.get("DENORT_BIN")) return undefined;
  const probe = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${probe}/main.ts`, "");
    const { success, stderr } = await new Deno.Command(compiler ?? Deno.execPath(), {
      args: ["compile", "--quiet", "--output", `${probe}/out`, `${probe}/main.ts`],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (success) return undefined;
    const reason = new TextDecoder().decode(stderr).trim().split("\n")[0];
    return `\`deno compile\` cannot get its runtime here (${reason}); let DENO_COMPILE_BIN and DENORT_BIN name a pair`;
  } finally {
    await Deno.remove(probe, { recursive: true });
  }
}

/** Compiles the agent for one address, and those that may be browsed, as a release does. */
export async function compileAgent(
  authority: string,
  output: string,
  connect: readonly string[] = [],
): Promise<AgentProgram> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      `${ROOT}/scripts/compile.ts`,
      "--platform",
      authority,
      ...connect.flatMap((address) => ["--connect", address]),
      "--output",
      output,
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`the agent cannot be compiled: ${new TextDecoder().decode(stderr)}`);
  return { command: output, args: [] };
}
