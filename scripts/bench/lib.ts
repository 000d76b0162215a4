import { parseArgs } from "@std/cli/parse-args";
import { table } from "../../src/base/table.ts";

/** One measured figure: what was measured, what came out, and what it is to be compared with. */
export interface Figure {
  what: string;
  value: number;
  unit: string;
  /** What was aimed at, in words, or nothing. */
  goal?: string;
  /** How it stands to a peer or a limit that was measured in the same run. */
  beside?: string;
}

/** Prints figures as a table, or as one line of JSON with `--json`. */
export function print(title: string, figures: Figure[]): void {
  if (parseArgs(Deno.args, { boolean: ["json"] }).json) {
    return console.log(JSON.stringify({ title, figures }));
  }
  console.log(title);
  console.log(table(
    [{ title: "What" }, { title: "Value", align: "right" }, { title: "Unit" }, { title: "Goal" }, {
      title: "Beside",
    }],
    figures.map((
      { what, value, unit, goal, beside },
    ) => [what, String(value), unit, goal ?? "", beside ?? ""]),
  ));
}

/** The middle of numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** The value below which this share of the numbers lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** Processor time that a process has used so far, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100; // user and system, in ticks of 10 ms
}

/** Resident and anonymous memory of a process, in MiB, as the kernel counts them. */
export async function memoryOf(pid: number): Promise<{ rss: number; anonymous: number }> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const mib = (name: string) =>
    Math.round(Number(text.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))![1]) / 102.4) / 10;
  return { rss: mib("Rss"), anonymous: mib("Anonymous") };
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
