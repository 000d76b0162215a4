import { SallyportError } from "../base/errors.ts";
import type { Half } from "./home.ts";
import { SEALING_KEY_PATH } from "./sealing_keys.ts";

/** What a service of the agent is made for. */
export interface ServiceOptions {
  /** The agent's home, an absolute path. */
  home: string;
  /** The user who owns it. */
  user: string;
  /** What the engine may connect to, `host:port` each; by default nothing. */
  connect?: readonly string[];
}

/** A file for `/etc/systemd/system`. */
export interface ServiceUnit {
  name: string;
  text: string;
}

/**
 * Variables of the environment that act on the runtime, or on every program, without asking the agent: roots that
 * TLS trusts, a file for the keys of its connections, flags of the engine, code to load.
 */
export const CLEARED_VARIABLES = [
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "SSLKEYLOGFILE",
  "NODE_EXTRA_CA_CERTS",
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_OPTIONS",
  "DENO_V8_FLAGS",
  "LD_PRELOAD",
  "LD_AUDIT",
  "LD_LIBRARY_PATH",
] as const;

const ABOUT: Record<Half, { title: string; lines(options: ServiceOptions): string[] }> = {
  gatehouse: {
    title: "the half with the network, which sees no data",
    lines: ({ home }) => [
      "# A proxy stands in a file of its own, one line: HTTPS_PROXY=http://name:password@proxy.example.com:3128",
      "EnvironmentFile=-/etc/sallyport/proxy.env",
      `ReadWritePaths=${quoted(`${home}/state`)}`,
      `InaccessiblePaths=${quoted(`${home}/data`)} -${quoted(`${home}/secrets`)} -${
        quoted(`${home}/${SEALING_KEY_PATH}`)
      }`,
      "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
      "MemoryMax=512M",
    ],
  },
  engine: {
    title: "the half that sees data, without a way to the platform",
    lines: ({ home, connect = [] }) => [
      "# What is linked into data/ from elsewhere needs a ReadWritePaths= of its own (systemctl edit).",
      `ReadWritePaths=${quoted(`${home}/state`)} ${quoted(`${home}/data`)}`,
      `InaccessiblePaths=-${quoted(`${home}/state/identity`)} -${quoted(`${home}/policy.yaml`)}`,
      ...connect.length === 0 ? ["PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"] : [
        `# It may connect to ${connect.join(", ")} and to nothing else. To have the kernel say so too:`,
        "# IPAddressDeny=any, and an IPAddressAllow= for each of their addresses and that of the name server.",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
      ],
      "MemoryMax=2G",
      "CPUWeight=50",
    ],
  },
};

/**
 * The two services of an agent for systemd, one for each half, so that the kernel keeps them apart: what
 * `permissions.agent` says once more from the outside, and a clean environment.
 *
 * @throws {SallyportError} `home.unusable` when the path has characters that systemd takes for something else.
 */
export function serviceUnit(half: Half, options: ServiceOptions): ServiceUnit {
  const { home, user } = options;
  if (!/^\/[\w/ .,@+%-]*$/.test(home)) {
    throw new SallyportError("home.unusable", `systemd cannot start a program in ${JSON.stringify(home)}`, {
      remedy: "Move the home to a path of letters, digits, spaces and . , @ + % - _ only.",
    });
  }
  const { title, lines } = ABOUT[half];
  const text = [
    "[Unit]",
    `Description=Sallyport, ${title}`,
    "Wants=network-online.target",
    "After=network-online.target",
    "# It comes back for as long as it takes: an agent that gave up could not be reached any more.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    `User=${user}`,
    `WorkingDirectory=${home.replaceAll("%", "%%")}`,
    `ExecStart=${quoted(`${home}/sallyport`)} run --half ${half}`,
    "Restart=always",
    "RestartSec=5",
    "# Wrong words, and a home that is not enrolled: to try again would change nothing.",
    "RestartPreventExitStatus=2 3",
    "TimeoutStopSec=30",
    `UnsetEnvironment=${CLEARED_VARIABLES.join(" ")}`,
    ...lines(options),
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectProc=invisible",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RemoveIPC=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service @pkey",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
  return { name: `sallyport-${half}.service`, text };
}

/** A path as one word of a unit; see systemd.syntax(7) and "Specifiers" in systemd.unit(5). */
function quoted(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`;
}
