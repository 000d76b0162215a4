import { parseArgs } from "@std/cli/parse-args";
import { join } from "@std/path";
import { systemClock } from "../base/clock.ts";
import { asSallyportError, messageOf, SallyportError } from "../base/errors.ts";
import { EXIT, exitCodeFor } from "../base/exit_codes.ts";
import { writeAtomic } from "../base/files.ts";
import { createLog } from "../base/log.ts";
import type { LogLevel } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { useColourOnTerminalsOnly } from "../base/terminal.ts";
import type { Platform } from "./platform.ts";
import { startPlatform } from "./platform.ts";

const HELP = `The Sallyport platform: agents connect to it, people and programs look at it.

Usage: deno task platform --data DIR --listen HOST:PORT [options]

Options:
  --data DIR           Where everything is kept; made at the first start
  --listen HOST:PORT   The address to listen on; port 0 takes any that is free
  --hostname NAME      A name under which agents reach the platform, or NAME:PORT when something in front of
                       it listens on another port. May be given several times; bundles name the first one
  --token-file FILE    Write the first API token there (mode 0600) instead of printing it
  --heartbeat SECONDS  How often agents say that they live (default 30)
  --log-level LEVEL    ${LOG_LEVELS.join(", ")} (default info)
  --json               Log lines as JSON, one object a line
  --help               This text

The first start makes the platform's own CA, its keys, and the first API token, which is shown once and stored
only as a hash. Back up the data folder: without identity.json no agent will trust this platform again.

Examples:
  deno task platform --data ./platform-data --listen 127.0.0.1:8443
  deno task platform --data /var/lib/sallyport --listen 0.0.0.0:443 --hostname sallyport.example.com
`;

interface Settings {
  data: string;
  listen: { host: string; port: number };
  hostnames: string[];
  tokenFile: string | undefined;
  heartbeatSeconds: number;
  level: LogLevel;
}

function readSettings(args: readonly string[]): Settings {
  const parsed = parseArgs([...args], {
    string: ["data", "listen", "hostname", "token-file", "heartbeat", "log-level"],
    boolean: ["json", "help"],
    collect: ["hostname"],
    unknown: (word: string) => {
      throw usage(`"${word}" is not understood`);
    },
  });
  const { data, listen, hostname, heartbeat = "30", "log-level": level = "info", "token-file": tokenFile } =
    parsed;
  if (!data) throw usage("--data DIR is missing");
  const address = listen?.match(/^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):([0-9]{1,5})$/);
  if (!address || Number(address[3]) > 65_535) {
    throw usage("--listen must be HOST:PORT, such as 127.0.0.1:8443");
  }
  if (!/^[1-9][0-9]{0,4}$/.test(heartbeat)) {
    throw usage("--heartbeat must be a number of seconds from 1 to 99999");
  }
  if (!LOG_LEVELS.includes(level as LogLevel)) {
    throw usage(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
  }
  return {
    data,
    listen: { host: (address[1] ?? address[2])!, port: Number(address[3]) },
    hostnames: hostname,
    tokenFile: tokenFile || undefined,
    heartbeatSeconds: Number(heartbeat),
    level: level as LogLevel,
  };
}

function usage(message: string): SallyportError {
  return new SallyportError("usage", message, { remedy: "See: deno task platform --help" });
}

/** Says what a newcomer needs next. */
async function announce(platform: Platform, { data, tokenFile }: Settings, json: boolean): Promise<void> {
  const { url, firstToken } = platform;
  if (firstToken && tokenFile) await writeAtomic(tokenFile, firstToken + "\n");
  const shown = tokenFile ? undefined : firstToken;
  if (json) return console.log(JSON.stringify({ url, ...(shown ? { firstToken: shown } : {}) }));
  if (shown) {
    console.log(
      `\nThe first API token, shown only now:\n\n    ${shown}\n\nThe console:  ${url}/#token=${shown}`,
    );
    const options = `--platform ${url} --ca ${join(data, "ca.pem")}`;
    console.log(`Enrol an agent:  SALLYPORT_TOKEN=... sallyportctl enrolment create ${options}\n`);
  } else console.log(`\nThe console:  ${url}/\n`);
}

/** Resolves at the first SIGINT or SIGTERM. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  });
}

async function main(args: readonly string[]): Promise<number> {
  useColourOnTerminalsOnly();
  if (args.includes("--help")) {
    console.log(HELP);
    return EXIT.ok;
  }
  const json = args.includes("--json");
  try {
    const settings = readSettings(args);
    const log = createLog({ clock: systemClock, level: settings.level, format: json ? "json" : "text" });
    const stopped = untilStopped();
    const platform = await startPlatform({ ...settings, dataDir: settings.data, clock: systemClock, log });
    await announce(platform, settings, json);
    await stopped;
    await platform.close();
    return EXIT.ok;
  } catch (thrown) {
    const error = asSallyportError(thrown);
    if (json) console.error(JSON.stringify({ error }));
    else console.error([`error: ${messageOf(error)}`, ...(error.remedy ? [error.remedy] : [])].join("\n"));
    return exitCodeFor(error.code);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
