import { red } from "@std/fmt/colors";
import { isoTime } from "../base/clock.ts";
import { oneWord } from "../base/command_line/command.ts";
import { sha256Hex } from "../base/digest.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import type { Json } from "../base/json.ts";
import { printable } from "../base/terminal.ts";
import type { LedgerReader, ListedEntry } from "../ledger/reader.ts";
import { decodeStatement } from "../ledger/statement.ts";
import { contentOf } from "../ledger/verify_entries.ts";
import type { Command } from "./command.ts";
import { wholeNumber, withLedger } from "./egress_ledger.ts";
import { readableMessage } from "./egress_message.ts";
import { writeOut } from "./output.ts";

export const egressShow: Command = {
  name: "egress show",
  usage: "NUMBER",
  summary: "Show one entry of the ledger: what was sent, readable or byte for byte",
  about:
    `Shows the OpAMP message of an entry as JSON, with everything in it that is text or JSON laid open. Of
heartbeats the first is shown; the others differ in their sequence number only.
With --raw the exact bytes go to standard output: what was sent (heartbeats one after another), or the
statement of a checkpoint. Their SHA-256 is the entry's; if not, the exit code is 8.`,
  options: [{ name: "raw", summary: "Write the exact bytes, and nothing else, to standard output" }],
  examples: [
    "sallyport egress show 12",
    "sallyport egress show 12 --raw | sha256sum",
    "sallyport egress show 12 --json | jq .decoded.customMessage.data",
  ],
  async run(context) {
    const number = wholeNumber("NUMBER", oneWord(egressShow, context.words));
    const found = await withLedger((ledger) => find(ledger, number));
    if (!found) throw new SallyportError("request.not-found", `the ledger has no entry ${number}`);
    const { entry, body, pruned } = found;
    const content = body && contentOf(entry, body);
    const whole = body === undefined
      ? pruned !== null
      : content !== undefined && sha256Hex(content) === entry.sha256;
    if (context.flag("raw")) {
      if (!content) throw new SallyportError("request.not-found", `the body of entry ${number} is not kept`);
      await writeOut(content);
    } else {
      const decoded = body ? decode(entry, body) : null;
      context.result({ ...entry, whole, pruned, body: body?.toBase64() ?? null, decoded }, asText);
    }
    return whole ? EXIT.ok : EXIT.failed;
  },
};

interface Pruned {
  /** The checkpoint that says so, and when it was made. */
  checkpoint: number;
  time: number;
}

function find(ledger: LedgerReader, number: number) {
  const entry = ledger.oldest(1, { from: number })[0];
  if (entry?.number !== number) return undefined;
  const body = ledger.body(number);
  return { entry, body, pruned: body ? null : whoPruned(ledger, number) };
}

/** The first checkpoint that says that the body of an entry was pruned. */
function whoPruned(ledger: LedgerReader, entry: number): Pruned | null {
  for (const { number, time, body } of ledger.checkpoints(entry)) {
    if (decodeStatement(body).prunedThrough >= entry) return { checkpoint: number, time };
  }
  return null;
}

function decode({ kind }: ListedEntry, body: Uint8Array): Json {
  try {
    return kind === "checkpoint" ? decodeStatement(body) : readableMessage(body);
  } catch (error) {
    return { undecodable: messageOf(error), hex: body.toHex() };
  }
}

function asText(
  {
    number,
    kind,
    time,
    until,
    count,
    class: name,
    records,
    bytes,
    sha256,
    acknowledged,
    whole,
    pruned,
    decoded,
  }:
    & ListedEntry
    & { whole: boolean; pruned: Pruned | null; decoded: Json },
): string {
  const size = `${bytes} bytes, SHA-256 ${sha256}`;
  const heads = {
    payload: [`Entry ${number}, class ${name}: ${records}`, `Sent ${isoTime(time)}: ${size}`],
    heartbeats: [
      `Entry ${number}, class ${name}: ${records}`,
      `Sent ${isoTime(time)} to ${isoTime(until ?? time)}: ${count} heartbeats, ${size}. The first:`,
    ],
    checkpoint: [`Entry ${number}: ${records}`, `Made ${isoTime(time)}, and not sent: ${size}`],
  };
  return [
    ...heads[kind],
    ...acknowledged === null ? [] : [`Stored by the platform ${isoTime(acknowledged)}`],
    ...pruned ? [`Its body was pruned: see checkpoint ${pruned.checkpoint} of ${isoTime(pruned.time)}`] : [],
    ...whole ? [] : [red("It is not what was sent: see sallyport egress verify")],
    ...decoded === null ? [] : ["", ...JSON.stringify(decoded, null, 2).split("\n")],
  ].map(printable).join("\n");
}
