import { isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { utf8 } from "../base/encoding.ts";
import { EXIT } from "../base/exit_codes.ts";
import type { LedgerReader, ListedEntry } from "../ledger/reader.ts";
import { decodeStatement } from "../ledger/statement.ts";
import { readCertificate } from "../trust/certificate.ts";
import type { Command } from "./command.ts";
import { SELECTION_OPTIONS, selectionOf, withLedger } from "./egress_ledger.ts";
import { writeOut } from "./output.ts";
import { syslogLine } from "./syslog.ts";

/** Entries that are read at once: nothing is held up in the agent while the reader of the export takes its time. */
const PAGE = 200;

export const egressExport: Command = {
  name: "egress export",
  usage: "",
  summary: "Write the ledger's entries as NDJSON, or as syslog lines for a SIEM",
  about:
    `Writes one line for each entry, checkpoints included, oldest first. What may still change, the heartbeats at the
end, is left for the next export. To go on where an export ended, give the next number with --since.
NDJSON lines hold every field of docs/ledger.md; syslog lines are those of RFC 5424.`,
  options: [
    { name: "format", value: "FORMAT", summary: "ndjson (default) or syslog" },
    ...SELECTION_OPTIONS,
    { name: "bodies", summary: "NDJSON with what was sent, in base64" },
  ],
  examples: [
    "sallyport egress export --since 1204 > new.ndjson",
    "sallyport egress export --format syslog --since 24h",
    "sallyport egress export --class tracking --bodies",
  ],
  async run(context) {
    const { option, flag, json } = context;
    const format = option("format") ?? "ndjson";
    if (format !== "ndjson" && format !== "syslog") throw usage("--format must be ndjson or syslog");
    if (format === "syslog" && (json || flag("bodies"))) {
      throw usage(
        "syslog lines are no JSON and hold no bodies: leave out --format syslog, or the other option",
      );
    }
    const selection = { ...selectionOf(context), frozen: true };
    await withLedger(async (ledger) => {
      const agent = agentOf(ledger);
      const lineOf = format === "syslog"
        ? (entry: ListedEntry) => syslogLine(entry, agent)
        : (entry: ListedEntry) => JSON.stringify(ndjson(entry, ledger, flag("bodies")));
      for (let from = selection.from ?? 0; !context.signal.aborted;) {
        const page = ledger.oldest(PAGE, { ...selection, from });
        const last = page.at(-1);
        if (!last || !await writeOut(utf8(page.map((entry) => `${lineOf(entry)}\n`).join("")))) return;
        from = last.number + 1;
      }
    });
    return EXIT.ok;
  },
};

/** The agent that signs, by its last checkpoint, if there is one that can be read. */
function agentOf(ledger: LedgerReader): string | undefined {
  try {
    const { certificate } = decodeStatement(ledger.lastStatement()!);
    return readCertificate(ledger.certificate(certificate)!).instanceUid;
  } catch {
    return undefined;
  }
}

function ndjson(entry: ListedEntry, ledger: LedgerReader, bodies: boolean) {
  return {
    ...entry,
    at: isoTime(entry.time),
    ...bodies ? { body: ledger.body(entry.number)?.toBase64() ?? null } : {},
  };
}
