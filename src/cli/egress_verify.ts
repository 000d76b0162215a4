import { green, red, yellow } from "@std/fmt/colors";
import { format as formatBytes } from "@std/fmt/bytes";
import { sleep } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import { openReadOnly } from "../base/sqlite.ts";
import { progressLine } from "../base/progress_line.ts";
import { printable } from "../base/terminal.ts";
import { LedgerReader } from "../ledger/reader.ts";
import type { Break } from "../ledger/statement.ts";
import type { Knowledge, LostParts, Verification } from "../ledger/verify.ts";
import { verifyLedger } from "../ledger/verify.ts";
import type { Command, CommandContext } from "./command.ts";
import { givenKnowledge, ownCertificates } from "./egress_knowledge.ts";
import { withLedger } from "./egress_ledger.ts";
import { requireInputFile } from "./input_file.ts";

/** Signs of progress between two pauses. */
const TURNS = 20;

export const egressVerify: Command = {
  name: "egress verify",
  usage: "[FILE]",
  summary: "Prove that the ledger is whole: nothing changed, taken out, moved or cut off",
  about:
    `Reads the whole ledger of this home, or of a copy of its database on any machine, and checks every body,
hash, receipt and signature. It needs no network and changes nothing. The first thing that is wrong is
named, and the exit code is then 8; also when a damaged disk took a part, which the agent states itself.
A file that agrees with itself proves little to who did not make it: give a certificate that you trust, of
the agent or of its platform's CA (in its own home the agent's are taken), and what was noted elsewhere:
the platform shows the agent's last checkpoint, and this command prints what to note.`,
  options: [
    { name: "certificate", value: "FILE", summary: "PEM certificates to trust, of the agent or of its CA" },
    {
      name: "head",
      value: "HASH",
      summary: "A hash that was noted, alone or as NUMBER HASH: it must be there",
    },
    {
      name: "checkpoint",
      value: "FILE",
      summary: "Checkpoints that were noted, as the platform's API gives them",
    },
  ],
  examples: [
    "sallyport egress verify",
    "sallyport egress verify ledger.db --certificate agent.pem",
    'sallyport egress verify --head "1203 5f1c...0a"',
    "sallyport egress verify --checkpoint noted.json --json",
  ],
  async run(context) {
    const [file, ...more] = context.words;
    if (more.length > 0) throw usage("only one FILE can be verified at a time");
    const knowledge = await givenKnowledge(context);
    const found = file === undefined
      ? await checkOwn(context, knowledge)
      : await checkCopy(context, file, knowledge);
    const whole = found.fault === undefined && found.lost === undefined;
    context.result({ whole, ...found }, asText);
    return whole ? EXIT.ok : EXIT.failed;
  },
};

/** What was found, and how many certificates there were to trust. */
type Found = Verification & { certificatesGiven: number };

async function checkOwn(
  context: CommandContext,
  { noted, certificates: given }: Required<Knowledge>,
): Promise<Found> {
  const certificates = given.length > 0 ? given : await ownCertificates();
  const found = await withLedger((ledger) => check(context, ledger, { noted, certificates }));
  if (found) return found;
  throw new SallyportError(
    "request.not-found",
    "this home has no ledger: nothing has left it, or it was removed",
    {
      remedy: "Start the agent with `sallyport run`, or name a copy of a ledger.",
    },
  );
}

async function checkCopy(context: CommandContext, file: string, knowledge: Knowledge): Promise<Found> {
  await requireInputFile(file);
  using db = openReadOnly(file);
  const ledger = new LedgerReader(db);
  if (ledger.exists()) return await check(context, ledger, knowledge);
  throw new SallyportError("source.unreadable", `${file} is a database without a ledger`, {
    remedy: "Name a copy of state/sallyport.db, or a file that `sallyport egress copy` made.",
  });
}

/** Checks, and lets signals and the line of progress have their turn meanwhile. */
async function check(context: CommandContext, ledger: LedgerReader, knowledge: Knowledge): Promise<Found> {
  const { clock, signal } = context;
  const progress = progressLine(context);
  const checking = verifyLedger(ledger, knowledge);
  try {
    for (let turn = 1;; turn++) {
      const { done, value } = checking.next();
      if (done) return { ...value, certificatesGiven: knowledge.certificates?.length ?? 0 };
      progress.show(() => `${value} entries are in order so far`);
      if (turn % TURNS === 0) await sleep(clock, 0);
      if (signal.aborted) throw new SallyportError("run.failed", `stopped after ${value} entries`);
    }
  } finally {
    checking.return(undefined as never);
    progress.clear();
  }
}

function asText(found: Found): string {
  const { entries, payloads, bytes, receipts, pruned, fault, lost, head } = found;
  if (fault) {
    return [
      `${red("The ledger is not whole")}: entry ${fault.number}: ${printable(fault.reason)}.`,
      `The ${entries} entries before that are in order.`,
    ].join("\n");
  }
  return [
    ...lost ? [red("The ledger is not whole, as the agent states itself:"), ...lostLines(lost)] : [],
    `${
      lost ? "In order are" : `${green("The ledger is whole")}:`
    } ${entries} entries, ${payloads} payloads, ${formatBytes(bytes)}, ${receipts} receipts.`,
    ...pruned > 0 ? [`The bodies of ${pruned} payloads were pruned; their sizes and SHA-256 are there.`] : [],
    ...signatureLines(found),
    `Note this elsewhere, to find later that the end was cut off: ${head.number} ${head.hash}`,
  ].join("\n");
}

/** What a damaged database took. */
function lostLines({ entries, receipts, bodies, signatures }: LostParts): string[] {
  return [
    ...entries.map((each) => `  ${breakText(each, "entry", "entries")}`),
    ...receipts.map((each) => `  ${breakText(each, "receipt", "receipts")}`),
    ...bodies > 0 ? [`  the bodies of ${bodies} entries are lost; their sizes and SHA-256 are there`] : [],
    ...signatures > 0 ? [`  the signatures of ${signatures} checkpoints are lost`] : [],
  ];
}

function breakText({ after, known, next }: Break, one: string, many: string): string {
  const between = next - after - 1;
  if (between === 0) return `what ties ${one} ${next} to the one before is lost`;
  if (known === 0) return `${many} behind ${after} may be lost; it goes on with ${next}`;
  if (known < between) {
    return `${many} ${after + 1} to ${after + known}, or more, are lost; it goes on with ${next}`;
  }
  return known === 1 ? `${one} ${next - 1} is lost` : `${many} ${after + 1} to ${next - 1} are lost`;
}

function signatureLines({ checkpoints, keys, unsigned, certificatesGiven }: Found): string[] {
  if (checkpoints.count === 0) {
    return [yellow("Nothing in it is signed yet: whoever has the file could have made it.")];
  }
  const agents = [...new Set(keys.map(({ agent }) => agent ?? "nobody"))].join(", ");
  const signed =
    `${checkpoints.count} checkpoints with ${keys.length} keys of agent ${agents}; the last is entry ${checkpoints.last}.`;
  return [
    `Signed: ${signed}`,
    ...certificatesGiven === 0
      ? [yellow("No certificate was given: whoever has the file could have made it all. See --certificate.")]
      : [],
    ...keys.slice(1).filter(({ introducedBy }) => introducedBy === null).map(({ since }) =>
      yellow(
        `At entry ${since} a key came for which the one before does not vouch: the agent was enrolled anew.`,
      )
    ),
    ...unsigned > 0 ? [`Behind it are ${unsigned} entries that are not signed yet.`] : [],
  ];
}
