import { SaxesParser } from "saxes";
import type { SaxesTagPlain } from "saxes";
import type { Described, Describer, Sample } from "./describer.ts";
import { Field } from "./fields.ts";
import { typeOfText } from "./guess.ts";
import { textOf } from "./text.ts";

/** XML: elements, `@name` for attributes, `#text` for text beside them. */
export const xmlDescriber: Describer = { format: "xml", endings: ["xml"], describe };

/** Deeper elements are a mistake or an attack. */
const MAX_XML_DEPTH = 200;

interface Element {
  field: Field;
  text: string;
  /** Elements within it, by name; one that comes twice is a list. */
  seen: Set<Field>;
}

function describe(sample: Sample): Described {
  const root = new Field();
  const text = textOf(sample);
  if (text === undefined) return { root, problem: "not-text" };
  const described: Described = { root };
  const open: Element[] = [{ field: root, text: "", seen: new Set() }];
  const parser = new SaxesParser({ xmlns: false });
  const lose = (problem: "document-type" | "malformed") => {
    described.problem ??= problem;
    open.length = 1;
  };
  // Without a document type there are no entities but XML's own five, and so none that grow.
  parser.on("doctype", () => lose("document-type"));
  parser.on("error", () => lose("malformed"));
  parser.on("opentag", (tag) => {
    if (described.problem) return;
    if (open.length > MAX_XML_DEPTH) return lose("malformed");
    open.push(opened(tag as SaxesTagPlain, open.at(-1)!));
  });
  parser.on("text", (text) => addText(open, text));
  parser.on("cdata", (text) => addText(open, text));
  parser.on("closetag", () => {
    const element = open.length > 1 ? open.pop() : undefined;
    if (element) closed(element);
  });
  parser.write(text);
  if (!sample.cut && !described.problem) parser.close();
  return described;
}

function opened({ name, attributes }: SaxesTagPlain, { field: parent, seen }: Element): Element {
  const field = parent.child(name);
  if (!seen.has(field)) field.present++;
  else field.types.add("array");
  seen.add(field);
  for (const [name, value] of Object.entries(attributes)) {
    const attribute = field.child(`@${name}`);
    attribute.present++;
    attribute.types.add(typeOfText(value as string));
  }
  return { field, text: "", seen: new Set() };
}

/** Enough of a text to tell its type. */
const MAX_TEXT = 100;

function addText(open: Element[], text: string): void {
  const top = open.at(-1)!;
  if (top.text.length < MAX_TEXT) top.text += text.slice(0, MAX_TEXT);
}

function closed({ field, text }: Element): void {
  const value = text.trim();
  field.objects++;
  if (field.children.size === 0) {
    field.types.add(value === "" ? "null" : typeOfText(value));
    return;
  }
  field.types.add("object");
  if (value === "") return;
  const beside = field.child("#text");
  beside.present++;
  beside.types.add(typeOfText(value));
}
