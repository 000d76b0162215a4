/**
 * Everything that can be wrong with an agent that runs: one table, which agent and platform read alike. A condition
 * holds or does not; how long it must hold before anybody is told, and which other conditions explain it, the table
 * says. Modelled on Tailscale's `health/warnings.go`. `docs/health.md` shows it to people.
 */
const TABLE = {
  "certificate.expiring": {
    severity: "warning",
    status: "expiring",
    dependsOn: [
      "certificate.renewal-failed",
      "platform.unreachable",
      "platform.not-trusted",
      "platform.not-proved",
      "platform.refused",
    ],
    visibleAfterMs: 60_000,
    remedy:
      "A connected agent renews it by itself; if this one is connected, look for the reason in its log.",
  },
  "certificate.offer-refused": {
    severity: "warning",
    status: "offer refused",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy: "The agent keeps the settings that it has. Find out what on the platform offers others.",
  },
  "certificate.renewal-failed": {
    severity: "error",
    status: "renewal failed",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "The agent goes on with the old certificate and tries again by itself. See what the reason names.",
  },
  "clock.far-off": {
    severity: "error",
    status: "clock far off",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Set the clock of the agent's machine, best by a time service: so far off, certificates are refused.",
  },
  "clock.off": {
    severity: "warning",
    status: "clock off",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Set the clock of the agent's machine, best by a time service. Until then all works, and times in " +
      "records are off.",
  },
  "connection.superseded": {
    severity: "error",
    status: "superseded",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy: "Another agent runs with a copy of this agent's home. Stop one, and enrol it as one of its own.",
  },
  "disk.full": {
    severity: "error",
    status: "disk full",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Free some room on the file system of the agent's home, at least 20 MiB. Runs go on by themselves then, and " +
      "nothing is lost meanwhile.",
  },
  "engine.not-running": {
    severity: "error",
    status: "not running",
    dependsOn: [],
    visibleAfterMs: 10_000,
    remedy: "Start the agent's engine (`sallyport run`, or its service). If it ends again, its log says why.",
  },
  "ledger.went-back": {
    severity: "warning",
    status: "went back",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Find out who restored, cut or removed the agent's database; `sallyport egress verify` names what is " +
      "missing. This ends with the agent's next start.",
  },
  "platform.not-proved": {
    severity: "error",
    status: "not proved",
    dependsOn: [],
    visibleAfterMs: 10_000,
    remedy: "Something between agent and platform opens TLS connections. `sallyport doctor` says more.",
  },
  "platform.not-trusted": {
    severity: "error",
    status: "not trusted",
    dependsOn: [],
    visibleAfterMs: 10_000,
    remedy: "TLS does not accept the certificate at the platform's address. `sallyport doctor` says more.",
  },
  "platform.refused": {
    severity: "error",
    status: "refused",
    dependsOn: ["connection.superseded"],
    visibleAfterMs: 10_000,
    remedy: "The reason says what to ask the platform's operator for.",
  },
  "platform.unreachable": {
    severity: "error",
    status: "not connected",
    dependsOn: ["connection.superseded"],
    visibleAfterMs: 60_000,
    remedy: "`sallyport doctor` finds where the way to the platform is blocked. Nothing is lost meanwhile.",
  },
  "policy.holding": {
    severity: "warning",
    status: "holding",
    dependsOn: ["policy.unreadable"],
    visibleAfterMs: 0,
    remedy:
      "The owner's policy keeps these records in the spool for now. `sallyport policy preview` shows which, " +
      "and why.",
  },
  "policy.unreadable": {
    severity: "error",
    status: "policy fault",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Correct policy.yaml on the agent's machine; `sallyport policy check` names the place. Until then nothing " +
      "leaves but this.",
  },
  "process.rejected": {
    severity: "error",
    status: "rejected",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy: "Correct the definition and publish it again; `sallyport process check FILE` looks at it before.",
  },
  "processes.pending": {
    severity: "warning",
    status: "pending",
    dependsOn: ["engine.not-running"],
    visibleAfterMs: 300_000,
    remedy: "A process is replaced between its runs: wait for a long one, or start the agent's engine again.",
  },
  "processes.refused": {
    severity: "error",
    status: "refused",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy: "Publish a set of processes that the reason does not name; those from before go on.",
  },
  "requests.waiting": {
    severity: "warning",
    status: "approval wanted",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy: "Look at it with `sallyport requests` on the agent's machine, and approve or deny it there.",
  },
  "spool.quarantined": {
    severity: "warning",
    status: "quarantined",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Records that cannot be read hint at a damaged disk. They are kept in the table spool_quarantine of " +
      "the state database; this ends when somebody has taken them out.",
  },
  "state.damaged": {
    severity: "warning",
    status: "state damaged",
    dependsOn: [],
    visibleAfterMs: 0,
    remedy:
      "Look after the disk. The agent goes on with what could be saved; what was set aside lies in state/, and " +
      "this ends when somebody has taken it away.",
  },
  "state.unwritable": {
    severity: "error",
    status: "state unwritable",
    dependsOn: ["disk.full"],
    visibleAfterMs: 10_000,
    remedy:
      "Free some room on the file system of the agent's home; `sallyport doctor` looks at it. Nothing is " +
      "lost meanwhile.",
  },
  "tracking.unacknowledged": {
    severity: "warning",
    status: "unacknowledged",
    dependsOn: [
      "platform.unreachable",
      "platform.not-trusted",
      "platform.not-proved",
      "platform.refused",
      "state.unwritable",
    ],
    visibleAfterMs: 60_000,
    remedy:
      "The agent sends its records again and again; see in the platform's log why it does not store them.",
  },
} as const satisfies Record<string, ConditionKind<string>>;

export type ConditionCode = keyof typeof TABLE;
export type Severity = "warning" | "error";

/** What is to be known of every condition with one code. */
export interface ConditionKind<Code = ConditionCode> {
  /** An error makes the agent unhealthy; with a warning it works, but somebody should look. */
  severity: Severity;
  /** The status of the component that has it: a word or two. */
  status: string;
  /** Its causes: while one of them is to be shown, this one is hidden. */
  dependsOn: readonly Code[];
  /** How long it must hold before anybody is told. No less than its causes need, so that it never precedes them. */
  visibleAfterMs: number;
  /** What to do about it, in words for the agent's machine and for the platform alike. */
  remedy: string;
}

/** The table, by code. */
export const CONDITIONS: Readonly<Record<ConditionCode, ConditionKind>> = TABLE;

/** Whether this version knows a code: the other side may be of a newer one. */
export function isConditionCode(code: string): code is ConditionCode {
  return Object.hasOwn(CONDITIONS, code);
}

/** Something that is wrong with a part of an agent now. */
export interface Condition {
  code: ConditionCode;
  /** The component of the agent's health that has it: a channel, or `process/NAME`. */
  component: string;
  /** What was found. It must say the same while nothing changes. */
  reason: string;
  /** What to do, where the cause knows it better than the table. */
  remedy?: string;
  /** When it began, milliseconds since 1970 UTC, where the cause knows it better than who looks. */
  since?: number;
}

/** A condition as the `last_error` of an OpAMP component. */
export function conditionText({ code, reason }: { code: string; reason: string }): string {
  return `${code}: ${reason}`;
}

/** The reason in a `last_error` of {@linkcode conditionText}, or the whole text when it begins with no code of ours. */
export function reasonIn(lastError: string): string {
  const code = lastError.slice(0, Math.max(0, lastError.indexOf(": ")));
  return isConditionCode(code) ? lastError.slice(code.length + 2) : lastError;
}
