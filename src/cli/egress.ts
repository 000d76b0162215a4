import { dim, green, red } from "@std/fmt/colors";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import { exists } from "../base/files.ts";
import { table } from "../base/table.ts";
import { DATABASE_PATH, openState } from "../agent/home.ts";
import { LedgerReader } from "../ledger/ledger.ts";
import { verifyChain } from "../ledger/verify.ts";
import { AgentToServerSchema } from "../protocol/generated/opamp_pb.ts";
import type { Command, CommandContext } from "./command.ts";

export const egress: Command = {
  name: "egress",
  usage: "[show NUMBER | verify]",
  summary: "Show what left this machine, byte for byte, and prove that the record is whole",
  about:
    `Everything that this agent sends is written into a ledger before it is sent. Each entry carries the hash
of the one before, so that none can be changed, taken out or moved without a trace.
Without a word, the newest entries and the totals are listed; "show" prints one payload as it was sent;
"verify" reads the whole chain and ends with exit code 8 when something is wrong with it.`,
  options: [{ name: "limit", value: "N", summary: "How many entries to list (default: 20)" }],
  examples: ["sallyport egress", "sallyport egress show 12", "sallyport egress verify --json"],
  async run(context) {
    if (!await exists(DATABASE_PATH)) return nothing(context);
    const db = openState();
    try {
      const ledger = new LedgerReader(db);
      if (!ledger.exists()) return nothing(context);
      const [word, number, ...rest] = context.words;
      if (rest.length > 0) throw usage("too many words");
      if (word === undefined) return list(context, ledger);
      if (word === "verify" && number === undefined) return verify(context, ledger);
      if (word === "show" && /^[0-9]+$/.test(number ?? "")) return show(context, ledger, Number(number));
      throw usage(`"${context.words.join(" ")}" is not understood`);
    } finally {
      db.close();
    }
  },
};

function nothing(context: CommandContext): number {
  context.result({ entries: [], totals: [] }, () => "Nothing has left this machine.");
  return EXIT.ok;
}

function list(context: CommandContext, ledger: LedgerReader): number {
  const limit = Number(context.option("limit") ?? "20");
  if (!Number.isInteger(limit) || limit < 1) throw usage("--limit must be a whole number above 0");
  context.result({ entries: ledger.newest(limit), totals: ledger.totals() }, ({ entries, totals }) => {
    const columns = ["No.", "Time", "Class", "Bytes", "Stored", "What"];
    const rows = entries.map((entry) => [
      String(entry.number),
      isoTime(entry.time),
      entry.class,
      String(entry.bytes),
      entry.acknowledged === null ? dim("-") : "yes",
      entry.records,
    ]);
    return [
      table(columns.map((title) => ({ title, align: /No|Bytes/.test(title) ? "right" : "left" })), rows),
      "",
      ...totals.map((each) => `${each.class}: ${each.entries} payloads, ${each.bytes} bytes`),
    ].join("\n");
  });
  return EXIT.ok;
}

function show(context: CommandContext, ledger: LedgerReader, number: number): number {
  const body = ledger.body(number);
  if (!body) throw new SallyportError("request.not-found", `the ledger has no entry ${number}`);
  // The first byte is the header of the frame; see protocol/codec.ts.
  const message = fromBinary(AgentToServerSchema, body.subarray(1));
  const custom = message.customMessage && {
    ...message.customMessage,
    data: JSON.parse(new TextDecoder().decode(message.customMessage.data)),
  };
  const decoded = {
    ...(toJson(AgentToServerSchema, message) as object),
    ...(custom ? { customMessage: custom } : {}),
  };
  context.result({ number, bytes: body.toBase64(), decoded }, () => JSON.stringify(decoded, null, 2));
  return EXIT.ok;
}

function verify(context: CommandContext, ledger: LedgerReader): number {
  const verification = verifyChain(ledger.entries());
  const whole = verification.fault === undefined;
  context.result(
    { whole, ...verification },
    ({ entries, head, fault }) =>
      fault
        ? red(`The ledger is not whole: at entry ${fault.number}, ${fault.reason}.`)
        : `${green("The ledger is whole")}: ${entries} entries; the last has the hash ${head}.`,
  );
  return whole ? EXIT.ok : EXIT.failed;
}
