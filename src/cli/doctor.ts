import { dim, green, red, yellow } from "@std/fmt/colors";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import type { Check, Verdict } from "../agent/doctor/check.ts";
import { overall } from "../agent/doctor/check.ts";
import { examine } from "../agent/doctor/doctor.ts";
import type { Command } from "./command.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "",
  summary: "Look at everything that the agent needs, and say what to do about what is wrong",
  about: `Looks at this home, the identity, the disk, the state database and every step of the way to the
platform, up to the proof that it is the platform and its word on whether it takes this agent. No message is
sent, an agent that runs is not disturbed, and one that does not run does not appear to be online.
It works on a home that is not enrolled and with the platform down, and ends with exit code 8 when
something failed. Variables of the environment (HTTPS_PROXY, DENO_CERT, ...) are hidden from this program.`,
  options: [],
  examples: ["sallyport doctor", "sallyport doctor --json | jq '.checks[] | select(.verdict == \"fail\")'"],
  async run(context) {
    const checks = await examine(context);
    const verdict = overall(checks);
    context.result({ verdict, checks }, asText);
    return verdict === "fail" ? EXIT.failed : EXIT.ok;
  },
};

const PAINT: Record<Verdict, (text: string) => string> = { ok: green, warn: yellow, fail: red, skipped: dim };

function asText({ verdict, checks }: { verdict: Verdict; checks: readonly Check[] }): string {
  // What a peer shows, such as the subject of its certificate, must not drive the terminal.
  const rows = checks.map((
    check,
  ) => [check.name, PAINT[check.verdict](check.verdict), printable(check.reason)]);
  const remedies = checks.filter(({ remedy }) => remedy !== undefined)
    .map(({ name, verdict, remedy }) => `${PAINT[verdict](name)}: ${printable(remedy!)}`);
  const summary = {
    ok: green("Nothing is wrong."),
    warn: yellow("It works, but look at the warnings."),
    fail: red("Something is wrong."),
    skipped: "",
  }[verdict];
  const result = table([{ title: "Check" }, { title: "Verdict" }, { title: "What was found" }], rows);
  return [result, ...remedies.length > 0 ? ["", "What to do:", ...remedies] : [], "", summary].join("\n");
}
