/**
 * Runs the agent from source with exactly the permissions of the executable.
 *
 *     deno task agent --platform HOST[:PORT] [--connect HOST:PORT ...] [--home DIR] COMMAND ...
 *
 * Everything from COMMAND on goes to the agent; see `deno task agent --platform localhost help`.
 */
import { resolve } from "@std/path";
import { agentFromSource, QUIET_RUNTIME } from "./lib/agent_process.ts";
import { connectAddresses } from "./lib/permissions.ts";
import { parseAuthority } from "../src/trust/bundle.ts";

const words = [...Deno.args];
let platform: string | undefined;
let home = ".";
const connect: string[] = [];
while (["--platform", "--home", "--connect"].includes(words[0]!)) {
  const [option, value] = words.splice(0, 2);
  if (value === undefined) fail(`${option} needs a value`);
  if (option === "--platform") platform = parseAuthority(value);
  else if (option === "--connect") connect.push(value);
  else home = value;
}
if (platform === undefined) {
  fail("--platform HOST[:PORT] is needed: it is the one address that the agent may reach");
}

await Deno.mkdir(home, { recursive: true });
const child = new Deno.Command(Deno.execPath(), {
  args: [...(await agentFromSource(platform, addresses(platform))).args, ...words],
  cwd: resolve(home),
  env: QUIET_RUNTIME,
  stdin: "inherit",
}).spawn();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => child.kill(signal));
}
Deno.exit((await child.status).code);

function addresses(platform: string): string[] {
  try {
    return connectAddresses(connect, platform);
  } catch (error) {
    fail((error as Error).message);
  }
}

function fail(message: string): never {
  console.error(
    `${message}\nUsage: deno task agent --platform HOST[:PORT] [--connect HOST:PORT ...] [--home DIR] COMMAND ...`,
  );
  Deno.exit(2);
}
