import { bold, dim } from "@std/fmt/colors";
import { usage } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import type { SchemaRecord } from "../../protocol/payloads/schema.ts";
import { agentNamed } from "../agents.ts";
import { ask, ASK_OPTIONS } from "../answers/ask.ts";
import type { Command } from "../command.ts";
import { given } from "../command.ts";

const TEXTS = ["defaults", "comments", "enums"];

export const browse: Command = {
  name: "browse",
  usage: "AGENT CONNECTION",
  summary: "Ask an agent for the schema of a connection: tables, columns, keys, files, fields; never a row",
  about:
    "AGENT is an id or a name, CONNECTION one that its owner has declared. A page at a time; the next one begins\n" +
    "with the --page that is shown at the end.",
  options: [
    { name: "pattern", value: "NAME", summary: 'Only what has this name, as in "orders*" or "public.*"' },
    { name: "page", value: "TOKEN", summary: "Go on behind the page before" },
    { name: "include", value: "TEXTS", summary: `What else, if the policy allows it: ${TEXTS.join(", ")}` },
    ...ASK_OPTIONS,
  ],
  examples: [
    "sallyportctl browse till-7 warehouse",
    'sallyportctl browse till-7 warehouse --pattern "orders*" --json | jq -r .name',
  ],
  async run(context) {
    const { option, words } = context;
    const [name, connection, ...more] = words;
    if (name === undefined || connection === undefined || more.length > 0) {
      throw usage(`"browse" takes an agent and a connection, and got ${words.length} words`);
    }
    const { id: agent } = await agentNamed(browse, { ...context, words: [name] });
    const include = option("include")?.split(",").map((text) => text.trim());
    const parameters = {
      connection,
      ...given(context, ["pattern", "page"]),
      ...(include === undefined ? {} : { include }),
    };
    const show = (record: SchemaRecord) => console.log(asText(record));
    await ask<SchemaRecord>(context, { agent, channel: "schema", parameters, show });
    return EXIT.ok;
  },
};

/** A line of the tree: how far in, by how many names it stands below. */
function asText(record: SchemaRecord): string {
  if (record.kind === "end") {
    if (record.next === undefined) return dim(`${record.records} records`);
    return dim(`${record.records} records; the next page: --page ${record.next}`);
  }
  const depth = record.kind === "catalog" ? 0 : record.parent.length;
  return `${"  ".repeat(depth)}${printable(describe(record))}${noteOf(record)}`;
}

function noteOf(record: SchemaRecord): string {
  const { problem, comment } = record as { problem?: string; comment?: string };
  const notes = [problem, comment].filter((note) => note !== undefined);
  return notes.length === 0 ? "" : dim(`  ${printable(notes.join("; "))}`);
}

function describe(record: Exclude<SchemaRecord, { kind: "end" }>): string {
  const { kind } = record;
  switch (kind) {
    case "catalog":
      return `${record.name} (${record.product})`;
    case "column":
      return `${record.name} ${record.type}${record.nullable ? "" : " not null"}`;
    case "key":
      return `${record.primary ? "primary key" : "key"} (${record.columns.join(", ")})`;
    case "foreign-key": {
      const { table, columns } = record.references;
      return `foreign key (${record.columns.join(", ")}) to ${table.join(".")} (${columns.join(", ")})`;
    }
    case "index":
      return `${record.unique ? "unique index" : "index"} (${
        record.columns.map((column) => column ?? "...").join(", ")
      })`;
    case "field":
      return `${record.path.join(".")} ${record.types.join("|")}${record.optional ? " optional" : ""}`;
    case "parameter":
      return `${record.in} ${record.name} ${record.type}${record.required ? "" : " optional"}`;
    default:
      return `${kind} ${bold(record.name)}`;
  }
}
