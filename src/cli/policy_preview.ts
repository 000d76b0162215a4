import { bold, red } from "@std/fmt/colors";
import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import type { Database } from "../base/sqlite.ts";
import { Spending } from "../agent/policy/spending.ts";
import type { Policy } from "../gate/policy/policy.ts";
import type { PreviewedPayload } from "../gate/preview.ts";
import { previewRecords } from "../gate/preview.ts";
import { RECORD_CLASSES } from "../gate/record_classes.ts";
import type { Circumstances } from "../gate/verdict.ts";
import { waitingPayloads } from "../spool/contents.ts";
import type { Command } from "./command.ts";
import { chosenPolicy, paintVerdict, POLICY_OPTION } from "./policy_file.ts";
import { withState } from "./state.ts";

const VERDICTS = ["allow", "shape", "hold", "drop"] as const;
const MAX_CHANGES = 6;

/** `sallyport policy preview` */
export const policyPreview: Command = {
  name: "policy preview",
  usage: "",
  summary: "Show what would become of everything that waits, without sending or changing any of it",
  about:
    `Judges every payload in the spool as if it were sent now: allow (as it is), shape (with what changes in it),
hold (it waits, and why) or drop (it never leaves, and why). Nothing is sent and nothing is removed.`,
  options: [
    POLICY_OPTION,
    { name: "limit", value: "N", summary: "How many payloads to show one by one (default: 20)" },
  ],
  examples: ["sallyport policy preview", "sallyport policy preview --policy new.yaml --json | jq .counts"],
  async run(context) {
    const limit = Number(context.option("limit") ?? "20");
    if (!Number.isInteger(limit) || limit < 0) throw usage("--limit must be a whole number");
    const { policy, source, fault } = await chosenPolicy(context, context.option("policy"));
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0]));
    const payloads: PreviewedPayload[] = [];
    await withState((db) => {
      for (const payload of judged(db, policy, new Spending(db, context.clock).circumstances())) {
        counts[payload.verdict]!++;
        if (payloads.length < limit) payloads.push(payload);
      }
    });
    const result = { source, hash: policy.hash, fault: fault?.message ?? "", counts, payloads };
    context.result(result, asText);
    return EXIT.ok;
  },
};

function* judged(db: Database, policy: Policy, circumstances: Circumstances): Generator<PreviewedPayload> {
  for (const kind of RECORD_CLASSES) {
    const judge = previewRecords(kind, policy, circumstances);
    for (const { seq, payload } of waitingPayloads(db, kind.class)) yield judge(seq, payload);
  }
}

function asText(
  { source, fault, counts, payloads }: {
    source: string;
    fault: string;
    counts: Record<string, number>;
    payloads: PreviewedPayload[];
  },
): string {
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  if (total === 0) return "Nothing waits to be sent.";
  const rows = payloads.map(({ class: name, seq, kind, verdict, reason, changes }) => {
    const shown = changes.slice(0, MAX_CHANGES).map(({ field, before, after }) =>
      `${field}: ${before} → ${after}`
    );
    if (changes.length > MAX_CHANGES) shown.push(`and ${changes.length - MAX_CHANGES} more`);
    return [name, String(seq), kind, paintVerdict(verdict), printable(reason ?? shown.join(", "))];
  });
  return [
    `By ${source === "default" ? "the default policy" : source}, of ${total} payloads that wait: ` +
    VERDICTS.map((verdict) => `${verdict} ${counts[verdict]}`).join(", "),
    ...fault === "" ? [] : fault.split("\n").map(printable).map(red),
    "",
    table([{ title: "CLASS" }, { title: "SEQ", align: "right" }, { title: "KIND" }, { title: "VERDICT" }, {
      title: "WHY, OR WHAT CHANGES",
    }], rows),
    ...payloads.length < total ? [bold(`... and ${total - payloads.length} more: --limit ${total}`)] : [],
  ].join("\n");
}
