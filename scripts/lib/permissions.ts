/**
 * The agent's permissions stand once, in `deno.json` under `permissions.agent`. They are passed on as flags and
 * not with `-P`, because `-P` resolves relative paths against the folder of `deno.json` (seen with 2.9.6 and
 * 2.7.11): an executable compiled so would carry the path of the machine that built it, and `policy.yaml` in a
 * home would be writable. As flags, they are resolved where the agent is started.
 */
import { fromFileUrl } from "@std/path";

interface PathPermission {
  allow: string[];
  deny: string[];
}

/** `permissions.agent` in `deno.json`; what is not named here is refused by {@linkcode agentFlags}. */
interface AgentPermissions {
  read: string[];
  write: PathPermission;
  env: { ignore: true };
  run: false;
  ffi: false;
  sys: false;
}

/**
 * The addresses of `--connect`, each `host:port`.
 *
 * @throws {Error} for the platform's own: what browses must not reach it.
 */
export function connectAddresses(given: readonly string[], platform: string): string[] {
  return [...new Set(given.map((address) => address.toLowerCase()))].map((address) => {
    if (!/^(\[[0-9a-fA-F:.]+\]|[^:/,\s]+):\d{1,5}$/.test(address)) {
      throw new Error(`--connect ${address}: needs HOST:PORT`);
    }
    if (address !== platform.toLowerCase()) return address;
    throw new Error(`--connect ${address}: is the platform, and what browses must not reach it`);
  });
}

/** The agent's own code, for {@linkcode agentFlags} of a run from source. */
export const AGENT_CODE = ["main.ts", "src"].map((name) =>
  fromFileUrl(new URL(`../../${name}`, import.meta.url))
);

export const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/**
 * How far V8 lets the part of its heap grow in which objects are born, in MiB: it holds up to three times that. With
 * its default of 16 a flood of messages costs 20 MiB more of memory, and runs are no faster (docs/benchmarks.md).
 */
const MAX_SEMI_SPACE_MIB = 8;

/**
 * Flags for `deno run` and `deno compile` that give exactly the agent's permissions, this one address and those of
 * connections.
 *
 * @param code what a run from source must read besides, for its Worker: an executable carries its code in itself
 */
export async function agentFlags(
  authority: string,
  { code = [], connect = [] }: { code?: readonly string[]; connect?: readonly string[] } = {},
): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  const { read, write, env, run, ffi, sys, ...rest }: AgentPermissions = config.permissions.agent;
  if (Object.keys(rest).length > 0 || run || ffi || sys || env.ignore !== true) {
    throw new Error(
      `deno.json: permissions.agent has something that is not passed on: ${JSON.stringify(rest)}`,
    );
  }
  return [
    "--no-prompt",
    `--v8-flags=--max-semi-space-size=${MAX_SEMI_SPACE_MIB}`,
    "--unstable-worker-options",
    `--allow-net=${[authority, ...connect].join(",")}`,
    `--allow-read=${[...read, ...code].join(",")}`,
    `--allow-write=${write.allow.join(",")}`,
    `--deny-write=${write.deny.join(",")}`,
    "--ignore-env",
  ];
}
