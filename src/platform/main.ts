import { join } from "@std/path";
import { DAY_MS, systemClock } from "../base/clock.ts";
import type { Command } from "../base/command_line/command.ts";
import { usage } from "../base/command_line/command.ts";
import type { Invocation, Program } from "../base/command_line/program.ts";
import { runProgram } from "../base/command_line/program.ts";
import { EXIT } from "../base/exit_codes.ts";
import { writeAtomic } from "../base/files.ts";
import type { LogLevel } from "../base/log.ts";
import { createLog, LOG_LEVELS } from "../base/log.ts";
import type { Platform, PlatformOptions } from "./platform.ts";
import { startPlatform } from "./platform.ts";
import type { RecoveryPolicy } from "./sessions/recovery.ts";
import { RECOVERY_POLICIES } from "./sessions/recovery.ts";
import { webhookOptions } from "./webhook/options.ts";

const LIFE_UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: DAY_MS };

interface Settings {
  data: string;
  listen: { host: string; port: number };
  hostnames: readonly string[];
  tls: NonNullable<PlatformOptions["tls"]>;
  tokenFile: string | undefined;
  heartbeatSeconds: number;
  recovery: { policy: RecoveryPolicy };
  certificateLifeMs: number;
  level: LogLevel;
}

/** The one thing that this program does. */
const serve: Command<Invocation> = {
  name: "",
  usage: "--data DIR --listen HOST:PORT",
  summary: "The Sallyport platform: agents connect to it, people and programs look at it",
  about:
    `The first start makes the platform's own CA, its keys, and the first API token, which is shown once and stored
only as a hash. Back up the data folder: without identity.json no agent will trust this platform again.
With --json, log lines are JSON as well, one object a line.`,
  options: [
    { name: "data", value: "DIR", summary: "Where everything is kept; made at the first start" },
    {
      name: "listen",
      value: "HOST:PORT",
      summary: "The address to listen on; port 0 takes any that is free",
    },
    {
      name: "hostname",
      value: "NAME",
      summary: "A name under which agents reach the platform, or NAME:PORT when something in front of it\n" +
        "listens on another port. May be given several times; bundles name the first one",
    },
    {
      name: "tls-certificate",
      value: "FILE",
      summary:
        "Show this certificate (PEM, with those that lead to its root) in place of one that the platform\n" +
        "issues itself; a new one in the file is shown within seconds, or at once on SIGHUP",
    },
    { name: "tls-key", value: "FILE", summary: "The private key of that certificate (PEM, not encrypted)" },
    {
      name: "tls-ca",
      value: "WHOM",
      summary:
        'Whom bundles tell new agents to trust for TLS: "public", or a file of CA certificates (PEM);\n' +
        "default: the platform's own CA",
    },
    {
      name: "token-file",
      value: "FILE",
      summary: "Write the first API token there (mode 0600) instead of printing it",
    },
    { name: "heartbeat", value: "SECONDS", summary: "How often agents say that they live (default 30)" },
    {
      name: "certificate-life",
      value: "TIME",
      summary: "How long an agent's certificate is good, such as 12h or 30d (default 30d); agents renew\n" +
        "theirs at two thirds of it",
    },
    {
      name: "recovery",
      value: "HOW",
      summary:
        'How an agent whose certificate expired in the last 30 days gets a new one: "approve", when an\n' +
        'operator says so (default), or "automatic"',
    },
    {
      name: "webhook",
      value: "URL",
      summary: "POST a JSON notice there when an agent changes its state or a run fails",
    },
    {
      name: "webhook-secret-file",
      value: "FILE",
      summary: "Sign the notices with this secret (HMAC-SHA256)",
    },
    { name: "log-level", value: "LEVEL", summary: `${LOG_LEVELS.join(", ")} (default info)` },
  ],
  examples: [
    "deno task platform --data ./platform-data --listen 127.0.0.1:8443",
    "deno task platform --data /var/lib/sallyport --listen 0.0.0.0:443 --hostname sallyport.example.com",
    "deno task platform ... --tls-certificate chain.pem --tls-key key.pem --tls-ca company-root.pem",
  ],
  async run(invocation) {
    const { json, signal } = invocation;
    const settings = readSettings(invocation);
    const log = createLog({ clock: systemClock, level: settings.level, format: json ? "json" : "text" });
    const webhook = await webhookOptions(
      invocation.option("webhook"),
      invocation.option("webhook-secret-file"),
    );
    const platform = await startPlatform({
      ...settings,
      dataDir: settings.data,
      clock: systemClock,
      log,
      ...(webhook ? { webhook } : {}),
    });
    await announce(platform, settings, json);
    using _ = onHangUp(() => void platform.reload());
    await aborted(signal);
    await platform.close();
    return EXIT.ok;
  },
};

const PROGRAM: Program<Command<Invocation>> = {
  name: "deno task platform",
  about: serve.summary,
  commands: { "": () => Promise.resolve(serve) },
  run: (command, invocation) => command.run(invocation),
};

function readSettings({ option, values }: Invocation): Settings {
  const data = option("data");
  if (data === undefined) throw usage("--data DIR is missing");
  const address = option("listen")?.match(/^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):([0-9]{1,5})$/);
  if (!address || Number(address[3]) > 65_535) {
    throw usage("--listen must be HOST:PORT, such as 127.0.0.1:8443");
  }
  const [certificate, key, ca] = [option("tls-certificate"), option("tls-key"), option("tls-ca")];
  if ((certificate === undefined) !== (key === undefined)) {
    throw usage("--tls-certificate and --tls-key need each other");
  }
  const heartbeat = option("heartbeat") ?? "30";
  if (!/^[1-9][0-9]{0,4}$/.test(heartbeat)) {
    throw usage("--heartbeat must be a number of seconds from 1 to 99999");
  }
  const life = (option("certificate-life") ?? "30d").match(/^([1-9][0-9]{0,4})([mhd])$/);
  if (!life) throw usage("--certificate-life must be a time such as 90m, 12h or 30d");
  const policy = RECOVERY_POLICIES.find((each) => each === (option("recovery") ?? "approve"));
  if (!policy) throw usage(`--recovery must be one of ${RECOVERY_POLICIES.join(", ")}`);
  const level = option("log-level") ?? "info";
  if (!LOG_LEVELS.includes(level as LogLevel)) {
    throw usage(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
  }
  return {
    data,
    listen: { host: (address[1] ?? address[2])!, port: Number(address[3]) },
    hostnames: values("hostname"),
    tls: {
      ...(certificate === undefined || key === undefined ? {} : { files: { certificate, key } }),
      ...(ca === undefined ? {} : { ca }),
    },
    tokenFile: option("token-file"),
    heartbeatSeconds: Number(heartbeat),
    recovery: { policy },
    certificateLifeMs: Number(life[1]) * LIFE_UNITS[life[2]!]!,
    level: level as LogLevel,
  };
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

/** Calls back on SIGHUP, the signal by which servers are asked to look at their files, as long as it is held. */
function onHangUp(callback: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", callback);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", callback) };
}

/** Resolves when the signal aborts, also when it has already. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

if (import.meta.main) Deno.exit(await runProgram(PROGRAM, Deno.args));
