import { dim, green, red, yellow } from "@std/fmt/colors";
import { DAY_MS, isoTime } from "../base/clock.ts";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { finding, printable } from "../base/terminal.ts";
import { readConnection } from "../agent/connection_record.ts";
import { readHealth } from "../agent/health/record.ts";
import { isRunning, STATE_FOLDER } from "../agent/home.ts";
import { loadPolicy } from "../agent/policy/policy_file.ts";
import type { PolicyFacts } from "../agent/policy/policy_record.ts";
import { readPolicyFacts } from "../agent/policy/policy_record.ts";
import { setAsideHere } from "../agent/salvage/conditions.ts";
import { setAsideText } from "../agent/salvage/record.ts";
import { createDeployments } from "../engine/deployments.ts";
import { recentRuns } from "../engine/runs.ts";
import { loadIdentity } from "../identity/identity.ts";
import { LedgerReader } from "../ledger/reader.ts";
import { clockWords, isClockOff } from "../protocol/clock.ts";
import { Spool } from "../spool/spool.ts";
import type { Command, CommandContext } from "./command.ts";
import { withState } from "./state.ts";

export const status: Command = {
  name: "status",
  usage: "",
  summary: "Tell how this agent is, also when it does not run",
  about:
    `Reads this home and says who the agent is, whether its halves run, whether it is connected, what is wrong
with it and what to do about that, how its clock stands, what its processes did last, and what waits to be
sent. It asks nobody: it works without the platform.`,
  options: [],
  examples: ["sallyport status", "sallyport status --json | jq '.connection, .conditions'"],
  async run(context) {
    context.result(await gather(context), asText);
    return EXIT.ok;
  },
};

async function gather({ clock }: CommandContext) {
  const { enrolment, certificateFacts } = await loadIdentity(STATE_FOLDER);
  const agent = (clockOffsetMs: number) => ({
    name: enrolment.name,
    instanceUid: enrolment.instanceUid,
    platform: enrolment.platform,
    certificateExpires: isoTime(certificateFacts.notAfter),
    // By the platform's clock, which is the one that counts.
    certificateDaysLeft: Math.floor((certificateFacts.notAfter - clock.now() - clockOffsetMs) / DAY_MS),
  });
  const running = { gatehouse: await isRunning("gatehouse"), engine: await isRunning("engine") };
  const recorded = await withState(async (db) => {
    const connection = readConnection(db);
    const { conditions, clock: offset } = readHealth(db);
    const ledger = new LedgerReader(db);
    const spool = new Spool(db, clock);
    const noted = readPolicyFacts(db);
    return {
      // What was measured before a gatehouse ended may be over.
      agent: agent(running.gatehouse && offset ? offset.offsetMs : 0),
      running,
      policy: running.gatehouse && noted ? { ...noted } : await policyNow(clock.now(), noted),
      // A gatehouse that was killed could not note that it is gone.
      connection: connection && !running.gatehouse
        ? { ...connection, state: "stopped" as const }
        : connection ?? null,
      conditions: running.gatehouse
        ? conditions.map((condition) => ({ ...condition, since: isoTime(condition.since) }))
        : [],
      clock: offset ? { offsetMs: offset.offsetMs, since: isoTime(offset.since) } : null,
      processes: createDeployments(db).processes().map(({ body: _body, ...process }) => process),
      runs: recentRuns(db, 10),
      spool: spool.counts(),
      spooledTotal: spool.total(),
      setAside: await setAsideHere(db),
      egress: ledger.exists() ? ledger.totals("class") : [],
    };
  });
  return recorded ?? {
    agent: agent(0),
    running,
    policy: await policyNow(clock.now(), undefined),
    connection: null,
    conditions: [],
    clock: null,
    processes: [],
    runs: [],
    spool: [],
    spooledTotal: 0,
    setAside: [],
    egress: [],
  };
}

type Status = Awaited<ReturnType<typeof gather>>;

/** The policy that an agent would start with now. `since` is null when it never was in force. */
async function policyNow(now: number, noted: PolicyFacts | undefined) {
  const { policy, source, fault } = await loadPolicy(now);
  const since = noted?.hash === policy.hash ? noted.since : null;
  return { hash: policy.hash, source, since, fault: fault?.message ?? "" };
}

function asText(
  { agent, running, policy, connection, conditions, clock, processes, runs, spool, setAside, egress }: Status,
): string {
  const sign = (good: boolean, text: string) => good ? green(text) : red(text);
  const connected = connection?.state === "connected";
  const lines = [
    `Agent      ${agent.name} ${dim(agent.instanceUid)} at ${agent.platform}`,
    `Certificate good for ${agent.certificateDaysLeft} more days, until ${agent.certificateExpires}`,
    `Gatehouse  ${sign(running.gatehouse, running.gatehouse ? "running" : "not running")}`,
    `Engine     ${
      running.engine ? green("running") : yellow(processes.length > 0 ? "not running" : "not needed yet")
    }`,
    `Connection ${sign(connected, connection?.state ?? "never tried")}` +
    (connection
      ? ` since ${isoTime(connection.since)}${connection.reason ? `: ${printable(connection.reason)}` : ""}`
      : ""),
    ...(clock ? [`Clock      ${clockText(clock)}`] : []),
    ...(running.gatehouse ? [`Health     ${healthText(conditions)}`] : []),
    `Policy     ${policy.source} ${dim(policy.hash.slice(0, 12))}` +
    (policy.since === null ? "" : ` since ${isoTime(policy.since)}`),
    ...(policy.fault === ""
      ? []
      : ["Nothing leaves but a bare status:", ...policy.fault.split("\n")].map(printable).map(red)),
    ...spool.map(({ channel, waiting, bytes }) =>
      `Spool      ${waiting} ${channel} payloads wait (${bytes} bytes)`
    ),
    ...setAside.map((each) => `Set aside  ${printable(setAsideText(each))}`),
    ...egress.map((each) => `Sent       ${each.payloads} ${each.class} payloads (${each.bytes} bytes)`),
  ];
  for (const condition of conditions) lines.push("", conditionText(condition));
  if (processes.length > 0) {
    const rows = processes.map((
      { name, version, state, reason },
    ) => [
      name,
      version,
      state,
      printable(reason.replaceAll("\n", "; ")),
    ]);
    lines.push(
      "",
      table([{ title: "Process" }, { title: "Version" }, { title: "State" }, { title: "Reason" }], rows),
    );
  }
  if (runs.length > 0) {
    const columns = ["Started", "Process", "Outcome", "In", "Out", "Failed"];
    const rows = runs.map((run) => [
      run.startedAt,
      run.process,
      run.outcome ?? "running",
      ...[run.documents?.in, run.documents?.out, run.documents?.failed].map((count) => String(count ?? "")),
    ]);
    lines.push("", table(columns.map((title, i) => ({ title, align: i > 2 ? "right" : "left" })), rows));
  }
  return lines.join("\n");
}

function clockText({ offsetMs, since }: NonNullable<Status["clock"]>): string {
  const words = isClockOff(offsetMs) ? yellow(clockWords(offsetMs)) : "as the platform's, to the minute";
  return `${words}, since ${since}`;
}

function healthText(conditions: Status["conditions"]): string {
  if (conditions.length === 0) return green("good");
  const errors = conditions.filter(({ severity }) => severity === "error").length;
  const counts = [[errors, "error", red], [conditions.length - errors, "warning", yellow]] as const;
  return counts
    .filter(([count]) => count > 0)
    .map(([count, word, paint]) => paint(`${count} ${word}${count === 1 ? "" : "s"}`))
    .join(", ");
}

function conditionText(
  { code, severity, component, since, reason, remedy }: Status["conditions"][number],
): string {
  const paint = severity === "error" ? red : yellow;
  return finding(`${paint(code)} (${printable(component)}) since ${since}`, reason, remedy);
}
