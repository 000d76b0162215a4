import { bold, dim, yellow } from "@std/fmt/colors";
import stringWidth from "string-width";
import { printable } from "../base/terminal.ts";
import type { SchemaPartOf, SchemaRecord } from "../protocol/payloads/schema.ts";

const INDENT = "  ";

/** A page of a schema as a tree for people: places, what is in them, and its parts below it. */
export function schemaTree(records: readonly SchemaRecord[]): string {
  const lines: string[] = [];
  let place = "";
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    if (isMember(record)) {
      const members = takeMembers(records, i);
      lines.push(...memberLines(members));
      i += members.length - 1;
      continue;
    }
    if (isPart(record)) {
      lines.push(`${INDENT.repeat(2)}${partText(record)}`);
      continue;
    }
    const parent = "parent" in record ? record.parent.join("/") : "";
    if (parent !== place && parent !== "") lines.push(bold(printable(parent)));
    place = parent;
    lines.push(headText(record));
  }
  return lines.join("\n");
}

type Member = SchemaPartOf<"column" | "field" | "parameter">;
type Part = SchemaPartOf<"key" | "foreign-key" | "index">;

function isMember(record: SchemaRecord): record is Member {
  return ["column", "field", "parameter"].includes(record.kind);
}

function isPart(record: SchemaRecord): record is Part {
  return ["key", "foreign-key", "index"].includes(record.kind);
}

function takeMembers(records: readonly SchemaRecord[], from: number): Member[] {
  const members: Member[] = [];
  for (let at = from; at < records.length; at++) {
    const record = records[at]!;
    if (!isMember(record)) break;
    members.push(record);
  }
  return members;
}

function headText(record: Exclude<SchemaRecord, Member | Part>): string {
  switch (record.kind) {
    case "catalog":
      return `${bold(printable(record.name))} ${dim(printable(record.product))}`;
    case "schema":
      return `schema ${bold(printable(record.name))}${commentText(record.comment)}`;
    case "end":
      return endText(record);
    default: {
      const { kind, name, problem } = record;
      const comment = "comment" in record ? commentText(record.comment) : "";
      return `${INDENT}${kind} ${bold(printable(name))}${
        problem ? ` ${yellow(`(${problem})`)}` : ""
      }${comment}`;
    }
  }
}

function endText({ records, next, cut }: Extract<SchemaRecord, { kind: "end" }>): string {
  if (next === undefined) return `\n${records} records, and no more.`;
  const why = cut ? "The time was up" : "There is more";
  return `\n${records} records. ${why}; go on with: --page ${next}`;
}

/** Members of one thing, in columns. */
function memberLines(members: readonly Member[]): string[] {
  const rows = members.map((
    member,
  ) => [printable(memberName(member)), printable(memberType(member)), notes(member)]);
  const width = (column: number) => Math.max(...rows.map((row) => stringWidth(row[column]!)));
  const [names, types] = [width(0), width(1)];
  const pad = (text: string, width: number) => text + " ".repeat(width - stringWidth(text));
  return rows.map(([name, type, rest]) =>
    `${INDENT.repeat(2)}${pad(name!, names)}  ${pad(type!, types)}  ${dim(rest!)}`.trimEnd()
  );
}

function memberName(member: Member): string {
  return member.kind === "field" ? pathText(member.path) : member.name;
}

/** `lines[].price` for the path lines, [], price. */
function pathText(path: readonly string[]): string {
  return path.reduce(
    (text, name) => name === "[]" ? `${text}[]` : text === "" ? name : `${text}.${name}`,
    "",
  );
}

function memberType(member: Member): string {
  return member.kind === "field" ? member.types.join(" or ") : member.type;
}

function notes(member: Member): string {
  const words: string[] = [];
  if (member.kind === "column") {
    words.push(...member.nullable ? [] : ["not null"], ...member.generated ? ["generated"] : []);
  }
  if (member.kind === "field" && member.optional) words.push("optional");
  if (member.kind === "parameter") words.push(member.in, ...member.required ? ["required"] : []);
  if (member.default !== undefined) words.push(`default ${printable(member.default)}`);
  if (member.labels !== undefined) words.push(`one of ${printable(member.labels.join(", "))}`);
  if (member.comment !== undefined) words.push(printable(member.comment));
  return words.join(", ");
}

function partText(part: Part): string {
  const columns = printable(part.columns.map((name) => name ?? "(expression)").join(", "));
  const name = printable(part.name);
  if (part.kind === "key") return `${part.primary ? "primary key" : "unique key"} ${name} (${columns})`;
  if (part.kind === "index") {
    return `${part.unique ? "unique index" : "index"} ${name} (${columns})${
      part.partial ? ", of some rows" : ""
    }`;
  }
  const target = printable(`${part.references.table.join(".")} (${part.references.columns.join(", ")})`);
  return `foreign key ${name} (${columns}) to ${target}`;
}

function commentText(comment: string | undefined): string {
  return comment === undefined ? "" : ` ${dim(printable(comment))}`;
}
