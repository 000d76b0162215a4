import { green, red, yellow } from "@std/fmt/colors";
import { table } from "../base/table.ts";
import type { Column } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import type { LoadedPolicy, PolicyFile } from "../agent/policy/policy_file.ts";
import { HOME_POLICY, loadPolicy, readPolicyFile } from "../agent/policy/policy_file.ts";
import type { Option } from "../base/command_line/command.ts";
import type { OnDemandOptions, PayloadClass, PolicyOptions } from "../gate/policy/options.ts";
import { CLASSES, ON_DEMAND } from "../gate/policy/options.ts";
import { SCHEMA_TEXTS } from "../protocol/payloads/schema.ts";
import type { Verdict } from "../gate/verdict.ts";
import type { CommandContext } from "./command.ts";
import { readInputFile } from "./input_file.ts";

/** For commands that look at what a policy would do before it is put in place. */
export const POLICY_OPTION: Option = {
  name: "policy",
  value: "FILE",
  summary: "Judge by this file instead of policy.yaml",
};

/**
 * The policy of this home, or that of the file which was named.
 *
 * @throws {SallyportError} `file.missing` when a file was named and cannot be read.
 */
export async function chosenPolicy(
  context: CommandContext,
  named: string | undefined,
): Promise<LoadedPolicy> {
  if (named !== undefined) await readInputFile(named); // the default in its place would be a wrong answer
  return await loadPolicy(context.clock.now(), { ...HOME_POLICY, file: named ?? HOME_POLICY.file });
}

/** As {@linkcode chosenPolicy}, without making it ready for use: that could need a key, and looking at it must not. */
export async function chosenFile(context: CommandContext, named: string | undefined): Promise<PolicyFile> {
  if (named !== undefined) await readInputFile(named);
  return await readPolicyFile(context.clock.now(), named);
}

const PAINT = { allow: green, shape: yellow, hold: yellow, drop: red };

/** A verdict, on a terminal in its colour. */
export function paintVerdict(verdict: Verdict<unknown>["verdict"]): string {
  return PAINT[verdict](verdict);
}

/** Bytes as `policy.yaml` has them. */
export function inMebibytes(bytes: number): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** What a policy decides, a line a class. */
export function policyTable(options: PolicyOptions): string {
  const rows = CLASSES.map((name) => [
    name,
    options[name].send,
    inMebibytes(options[name].bytesPerDay),
    printable(detailsOf(name, options).join("; ")),
  ]);
  const titles = ["CLASS", "SEND", "BUDGET A DAY", "HOW"];
  const columns = titles.map((title): Column => ({
    title,
    align: title.startsWith("BUDGET") ? "right" : "left",
  }));
  return table(columns, rows);
}

/** What a policy says of one class beside its decision and its budget. */
export function detailsOf(name: PayloadClass, options: PolicyOptions): string[] {
  if (name === "status") {
    const { attributes, health, processTexts } = options.status;
    return [`attributes ${list(attributes)}`, `health ${list(health)}`, `process texts ${processTexts}`];
  }
  if (name === "tracking") {
    const { names, directories } = options.tracking;
    return [`names ${names}`, `directories ${directories}`];
  }
  const details = requestDetails(options[name]);
  if (name === "schema") {
    const texts = SCHEMA_TEXTS.filter((text) => options.schema[text]);
    return [...details, `with ${texts.length === 0 ? "names and types only" : texts.join(" ")}`];
  }
  if (name !== "data") return details;
  const { until, processes } = options.data;
  return [...details, ...until === null ? [] : [`until ${until}`], `processes ${list(processes)}`];
}

function requestDetails({ requesters, hours }: OnDemandOptions): string[] {
  const when = hours && `${hours.from} to ${hours.to} on ${hours.days.join(" ")} (${hours.timezone})`;
  return [`requesters ${list(requesters)}`, ...when ? [when] : []];
}

function list(patterns: readonly string[]): string {
  return patterns.length === 0 ? "none" : patterns.join(" ");
}

/** Whether a class leaves only when somebody asks for it. */
export function isOnDemand(name: PayloadClass): name is (typeof ON_DEMAND)[number] {
  return (ON_DEMAND as readonly string[]).includes(name);
}
