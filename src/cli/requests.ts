import { green, red, yellow } from "@std/fmt/colors";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { printable } from "../base/terminal.ts";
import { createRequestStore } from "../engine/requests/store.ts";
import type { Command } from "./command.ts";
import type { ShownRequest } from "./requests_found.ts";
import { shown } from "./requests_found.ts";
import { withState } from "./state.ts";

const MAX_LISTED = 1_000;

/** `sallyport requests` */
export const requests: Command = {
  name: "requests",
  usage: "",
  summary: "List what people at the platform ask for: what waits for approval, and with --all what was",
  about:
    `Where policy.yaml says \`ask\` for a class, each request waits here until somebody approves or denies it, or its
deadline passes. Before that, \`requests preview ID\` shows exactly what would be sent.`,
  options: [{ name: "all", summary: "Also those that have ended, or wait for nobody" }],
  examples: [
    "sallyport requests",
    "sallyport requests --json | jq -r '.requests[].id'",
    "sallyport requests --all",
  ],
  async run({ flag, result }) {
    const all = flag("all");
    const list = await withState((db) => createRequestStore(db).newest(MAX_LISTED)) ?? [];
    const requests = list.filter(({ state }) => all || state === "waiting").map(shown);
    result({ requests }, () => {
      if (requests.length > 0) return listed(requests);
      return all ? "Nothing was asked for." : "Nothing waits for approval. What was asked for before: --all";
    });
    return EXIT.ok;
  },
};

function listed(requests: readonly ShownRequest[]): string {
  return table(
    ["ID", "CLASS", "REQUESTER", "REASON", "STATE", "CAME", "DEADLINE"].map((title) => ({ title })),
    requests.map(({ id, class: name, requester, reason, state, receivedAt, deadline, code }) => [
      id,
      name,
      printable(requester),
      printable(reason),
      paintState(state) + (code === null ? "" : ` (${printable(code)})`),
      seconds(receivedAt),
      seconds(deadline),
    ]),
  );
}

/** A state in its colour. */
export function paintState(state: string): string {
  if (state === "answered") return green(state);
  return ["refused", "failed", "cancelled", "expired"].includes(state) ? red(state) : yellow(state);
}

function seconds(iso: string): string {
  return iso.replace(/\.\d+Z$/, "Z");
}
