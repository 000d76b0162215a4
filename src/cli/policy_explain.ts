import { bold, red } from "@std/fmt/colors";
import { oneWord, usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { printable } from "../base/terminal.ts";
import { Spending } from "../agent/policy/spending.ts";
import type { PayloadClass } from "../gate/policy/options.ts";
import { CLASSES } from "../gate/policy/options.ts";
import { judgeRequest } from "../gate/requests.ts";
import type { Circumstances, Verdict } from "../gate/verdict.ts";
import { ANSWER_CLASSES } from "../protocol/answers.ts";
import type { Command } from "./command.ts";
import type { Example } from "./policy_examples.ts";
import { exampleOf } from "./policy_examples.ts";
import type { TrackedProcess } from "./tracked_processes.ts";
import { trackedProcesses } from "./tracked_processes.ts";
import {
  chosenPolicy,
  detailsOf,
  inMebibytes,
  isOnDemand,
  paintVerdict,
  POLICY_OPTION,
} from "./policy_file.ts";
import { withState } from "./state.ts";

/** `sallyport policy explain CLASS` */
export const policyExplain: Command = {
  name: "policy explain",
  usage: "CLASS",
  summary: "Say what of a class leaves, with an example from this machine's own records",
  about:
    `CLASS is status, tracking, logs, errors, schema or data. Shows what the policy decides, what is left of
the day's budget, and a real payload in the form in which it would leave now: for tracking and data the
newest record that waits, or the newest run or what was sent last, for status the last one that was sent.
For what is on demand it says what a request would be answered at this moment, and for data which
processes here track fields, and whether those leave.`,
  options: [
    POLICY_OPTION,
    { name: "requester", value: "NAME", summary: "Who asks, for classes on demand (default: somebody)" },
    { name: "process", value: "NAME", summary: "Whose documents, for data; taken to allow it itself" },
  ],
  examples: [
    "sallyport policy explain tracking",
    "sallyport policy explain status --policy new.yaml --json",
    "sallyport policy explain logs --requester ada@example.com",
  ],
  async run(context) {
    const name = oneWord(policyExplain, context.words) as PayloadClass;
    if (!CLASSES.includes(name)) throw usage(`there is no class "${name}"; there are ${CLASSES.join(", ")}`);
    const { policy, source, fault } = await chosenPolicy(context, context.option("policy"));
    const { send, bytesPerDay } = policy.options[name];
    const process = context.option("process");
    const requester = context.option("requester") ?? "somebody";
    const result = await withState((db) => {
      const circumstances = new Spending(db, context.clock).circumstances();
      return {
        circumstances,
        example: exampleOf(name, db, policy, circumstances),
        tracked: name === "data" ? trackedProcesses(db, policy, circumstances.now) : [],
      };
    }) ?? { circumstances: { now: context.clock.now(), spent: NOTHING }, example: null, tracked: [] };
    const request = isOnDemand(name)
      ? judgeRequest(
        { class: name, requester, ...process ? { process: { name: process, allowsData: true } } : {} },
        policy,
        result.circumstances,
      )
      : null;
    const answer = {
      class: name,
      source,
      fault: fault?.message ?? "",
      send: fault ? "hold" : send,
      details: fault ? [] : detailsOf(name, policy.options),
      bytesPerDay,
      bytesToday: result.circumstances.spent[name],
      request: request && { requester, verdict: request.verdict, reason: request.reason ?? null },
      ...name === "data" ? { tracked: result.tracked } : {},
      example: result.example,
    };
    context.result(answer, asText);
    return EXIT.ok;
  },
};

const NOTHING = Object.fromEntries(CLASSES.map((name) => [name, 0])) as Circumstances["spent"];

function asText(answer: {
  class: string;
  source: string;
  fault: string;
  send: string;
  details: string[];
  bytesPerDay: number;
  bytesToday: number;
  request: { requester: string; verdict: Verdict<unknown>["verdict"]; reason: string | null } | null;
  tracked?: TrackedProcess[];
  example: Example | null;
}): string {
  const { class: name, source, fault, send, details, bytesPerDay, bytesToday, request, tracked, example } =
    answer;
  const lines = [
    `${bold(name)}: ${send}, by ${source === "default" ? "the default policy" : source}`,
    ...fault === ""
      ? []
      : ["Nothing leaves but a bare status:", ...fault.split("\n")].map(printable).map(red),
    ...details.map((detail) => `  ${printable(detail)}`),
    `  ${inMebibytes(bytesPerDay)} a day of UTC; ${
      (bytesToday / 2 ** 20).toFixed(2)
    } MiB left this machine today`,
  ];
  if (request) {
    const why = request.reason ? `: ${request.reason}` : "";
    lines.push(
      "",
      `A request of ${printable(request.requester)} at this moment: ${ANSWERS[request.verdict]}${
        printable(why)
      }`,
    );
    if (!ANSWER_CLASSES.some((each) => each === name)) {
      lines.push("This version has no channel for what is asked of it yet, so none of that leaves.");
    }
  }
  if (tracked) {
    lines.push("", ...tracked.length === 0 ? ["No process here tracks fields."] : listTracked(tracked));
  }
  if (!request || tracked) lines.push("", ...describeExample(example));
  return lines.join("\n");
}

function describeExample(example: Example | null): string[] {
  if (!example) return ["This machine has no record of it yet that could be an example."];
  const { from, verdict, reason, payload } = example;
  return [
    `An example (${from}): ${paintVerdict(verdict)}${reason ? `, ${printable(reason)}` : ""}`,
    ...payload === null ? [] : [JSON.stringify(payload, null, 2)],
  ];
}

function listTracked(tracked: readonly TrackedProcess[]): string[] {
  return tracked.map(({ process, fields, until, documents, reason }) =>
    printable(
      `${process} tracks ${fields.join(", ")} of up to ${documents} documents a run, until ${until}: ` +
        (reason === null ? "they leave" : `they stay here, ${reason}`),
    )
  );
}

const ANSWERS = { allow: "allowed", shape: "allowed", hold: "held", drop: "refused" };
