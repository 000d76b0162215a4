import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { table } from "../../base/table.ts";
import type { Command } from "../command.ts";
import { time } from "../format.ts";

interface Checkpoint {
  number: number;
  hash: string;
  notedAt: string;
}

export const checkpoints: Command = {
  name: "checkpoints",
  usage: "AGENT",
  summary: "List what the platform noted of an agent's ledger",
  about:
    "Each line stands for everything that the agent had sent until then: its ledger can be checked against them\n" +
    "with `sallyport egress verify --checkpoint FILE`, also when somebody cut or rewrote it since.",
  options: [],
  examples: ["sallyportctl checkpoints 01980000-0000-7000-8000-000000000000 --json > noted.json"],
  async run({ platform, result, words }) {
    const agent = encodeURIComponent(oneWord(this, words));
    const found = await platform.call<{ checkpoints: Checkpoint[] }>("GET", `/agents/${agent}/checkpoints`);
    result(found, ({ checkpoints }) => {
      if (checkpoints.length === 0) return "No checkpoint was noted (yet).";
      return table(
        [{ title: "NOTED" }, { title: "ENTRY", align: "right" }, { title: "HASH" }],
        checkpoints.map(({ number, hash, notedAt }) => [time(notedAt), String(number), hash]),
      );
    });
    return EXIT.ok;
  },
};
