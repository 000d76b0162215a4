import { fromFileUrl, join } from "@std/path";
import type { CommandResult } from "../../scripts/lib/agent_process.ts";
import type { Fleet } from "./fleet.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** Runs a command of `sallyportctl` against the platform of a fleet, to its end. */
export async function runCtl(fleet: Fleet, words: string[]): Promise<CommandResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "-A",
        "--no-check",
        "--quiet",
        "--config",
        join(ROOT, "deno.json"),
        join(ROOT, "src/ctl/main.ts"),
      ],
      ...words,
    ],
    env: {
      SALLYPORT_PLATFORM: `https://${fleet.authority}`,
      SALLYPORT_TOKEN: fleet.token,
      SALLYPORT_CA: join(fleet.platformData, "ca.pem"),
    },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
