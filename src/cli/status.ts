import { dim, green, red, yellow } from "@std/fmt/colors";
import { isoTime } from "../base/clock.ts";
import { EXIT } from "../base/exit_codes.ts";
import { exists } from "../base/files.ts";
import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import { readConnection } from "../agent/connection_record.ts";
import { DATABASE_PATH, isRunning, openState, STATE_FOLDER } from "../agent/home.ts";
import { createDeployments } from "../engine/deployments.ts";
import { recentRuns } from "../engine/runs.ts";
import { loadIdentity } from "../identity/identity.ts";
import { LedgerReader } from "../ledger/ledger.ts";
import { Spool } from "../spool/spool.ts";
import type { Command, CommandContext } from "./command.ts";

export const status: Command = {
  name: "status",
  usage: "",
  summary: "Tell how this agent is, also when it does not run",
  about: `Reads this home and says who the agent is, whether its halves run, whether it is connected, what its
processes did last, and what waits to be sent. It asks nobody: it works without the platform.`,
  options: [],
  examples: ["sallyport status", "sallyport status --json | jq .connection"],
  async run(context) {
    context.result(await gather(context), asText);
    return EXIT.ok;
  },
};

async function gather({ clock }: CommandContext) {
  const { enrolment, certificateFacts } = await loadIdentity(STATE_FOLDER);
  const agent = {
    name: enrolment.name,
    instanceUid: enrolment.instanceUid,
    platform: enrolment.platform,
    certificateExpires: isoTime(certificateFacts.notAfter),
    certificateDaysLeft: Math.floor((certificateFacts.notAfter - clock.now()) / 86_400_000),
  };
  const running = { gatehouse: await isRunning("gatehouse"), engine: await isRunning("engine") };
  if (!await exists(DATABASE_PATH)) {
    return {
      agent,
      running,
      connection: null,
      processes: [],
      runs: [],
      spool: [],
      spooledTotal: 0,
      egress: [],
    };
  }
  const db = openState();
  try {
    const connection = readConnection(db);
    const ledger = new LedgerReader(db);
    const spool = new Spool(db, clock);
    return {
      agent,
      running,
      // A gatehouse that was killed could not note that it is gone.
      connection: connection && !running.gatehouse
        ? { ...connection, state: "stopped" as const }
        : connection ?? null,
      processes: createDeployments(db).processes().map(({ body: _body, ...process }) => process),
      runs: recentRuns(db, 10),
      spool: spool.counts(),
      spooledTotal: spool.total(),
      egress: ledger.exists() ? ledger.totals() : [],
    };
  } finally {
    db.close();
  }
}

function asText(
  { agent, running, connection, processes, runs, spool, egress }: Awaited<ReturnType<typeof gather>>,
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
    ...connected && connection.lastEnd
      ? [
        `           last broken at ${isoTime(connection.lastEnd.at)}: ${
          printable(connection.lastEnd.reason)
        }`,
      ]
      : [],
    ...spool.map(({ channel, waiting, bytes }) =>
      `Spool      ${waiting} ${channel} payloads wait (${bytes} bytes)`
    ),
    ...egress.map((each) => `Sent       ${each.entries} ${each.class} payloads (${each.bytes} bytes)`),
  ];
  if (processes.length > 0) {
    const rows = processes.map(({ name, version, state, reason }) => [name, version, state, reason]);
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
