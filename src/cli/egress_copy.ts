import { oneWord } from "../base/command_line/command.ts";
import { SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import { exists } from "../base/files.ts";
import { openDatabase } from "../base/sqlite.ts";
import { copyLedger } from "../ledger/copy.ts";
import type { Command } from "./command.ts";
import { withLedger } from "./egress_ledger.ts";

export const egressCopy: Command = {
  name: "egress copy",
  usage: "FILE",
  summary: "Copy the ledger, and nothing else of the agent's state, into a file of its own",
  about:
    `Writes a SQLite database with the ledger as it is now, bodies and signatures included, for somebody who is to
check it: see "egress verify FILE". The agent may run meanwhile. FILE must not be there yet, and lies below
this home.`,
  options: [],
  examples: ["sallyport egress copy ledger.db", "sallyport egress copy ledger.db --json"],
  async run(context) {
    const file = oneWord(egressCopy, context.words);
    if (await exists(file)) {
      throw new SallyportError("sink.unwritable", `${file} is there already`, {
        remedy: "Choose another name.",
      });
    }
    const part = `${file}.part`;
    const entries = await withLedger(async (ledger, db) => {
      await Deno.remove(part).catch(() => {});
      try {
        using copy = openDatabase(part);
        if (Deno.build.os !== "windows") await Deno.chmod(part, 0o600);
        copyLedger(db, ledger, copy);
      } catch (error) {
        await Deno.remove(part).catch(() => {});
        throw error;
      }
      await Deno.rename(part, file);
      return ledger.count();
    });
    if (entries === undefined) throw new SallyportError("request.not-found", "this home has no ledger yet");
    context.result({ file, entries }, () => `Wrote ${entries} entries to ${file}.`);
    return EXIT.ok;
  },
};
