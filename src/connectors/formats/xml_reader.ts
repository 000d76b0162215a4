import { SaxesParser } from "saxes";
import type { SaxesTagPlain } from "saxes";
import * as z from "zod";
import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";
import { MAX_ORIGINAL_CHARS } from "../../engine/batch.ts";
import type { Batch, Document, DocumentFailure, UnreadDocument } from "../../engine/batch.ts";
import { malformed, tooLarge } from "./collector.ts";
import { createDecoder } from "./decoder.ts";
import type { ReadFormat } from "./format.ts";
import type { ByteChunks } from "./window.ts";

const options = {
  element: z.string().min(1).max(200).meta({
    description: "The element that is one document, such as order",
  }),
};

type XmlOptions = z.output<z.ZodObject<typeof options>>;

/** Deeper elements are a mistake or an attack. */
const MAX_XML_DEPTH = 200;

/**
 * XML in UTF-8: each outermost element of the given name is a document. Attributes become `@name`, an element with
 * nothing but text becomes that text (else the text is `#text`), an element that repeats becomes a list. A document
 * type is refused, so there are no entities but XML's own five.
 */
export const xmlReader: ReadFormat<XmlOptions> = { name: "xml", options, read };

async function* read(chunks: ByteChunks, { element }: XmlOptions): AsyncGenerator<Batch> {
  const decoder = createDecoder("utf-8");
  const builder = new XmlDocuments(element);
  for await (const chunk of chunks) {
    builder.write(decoder.decode(chunk));
    yield builder.take(chunk.length);
    if (builder.lost) return;
  }
  builder.write(decoder.end());
  builder.end();
  yield builder.take(0);
}

interface OpenElement {
  name: string;
  value: Document;
  text: string;
  line: number;
}

/** Gathers documents from what the parser sees. */
class XmlDocuments {
  /** Whether the text is beyond help: XML has no place at which to start again. */
  lost = false;
  readonly #element: string;
  readonly #parser = new SaxesParser({ xmlns: false, position: true });
  #open: OpenElement[] = [];
  #depth = 0;
  /** Characters of the document being built, and of what came since the parser last reported anything. */
  #size = 0;
  #silent = 0;
  #skipping = false;
  #depthOfSkipped = 0;
  /** Where the parser was when the last document ended. */
  #closedAt = -1;
  #row = 0;
  #documents: Document[] = [];
  #rows: number[] = [];
  #lines: number[] = [];
  #unread: UnreadDocument[] = [];

  constructor(element: string) {
    this.#element = element;
    const parser = this.#parser;
    parser.on("doctype", () => this.#lose(malformed("has a document type (DOCTYPE), which is refused")));
    parser.on("error", () => {
      if (this.#closedAt === parser.position) this.#takeBackLast();
      this.#lose(malformed("is not well-formed XML, so the rest of the file is lost"));
    });
    parser.on("opentag", (tag) => this.#opened(tag as SaxesTagPlain));
    parser.on("closetag", () => this.#closed());
    parser.on("text", (text) => this.#text(text));
    parser.on("cdata", (text) => this.#text(text));
  }

  write(text: string): void {
    if (this.lost) return;
    this.#silent += text.length;
    this.#parser.write(text);
    // Text that the parser holds back grows until the next tag.
    if (this.#silent > MAX_DOCUMENT_BYTES) this.#lose(tooLarge(MAX_DOCUMENT_BYTES));
  }

  end(): void {
    if (!this.lost) this.#parser.close();
  }

  take(bytes: number): Batch {
    const [documents, rows, lines] = [this.#documents, this.#rows, this.#lines];
    const firstRows = rows.slice();
    // Documents change on their way: what the dead letter shows is kept only for those that fail.
    const originals = documents.slice();
    const batch: Batch = {
      documents,
      rows,
      unread: this.#unread,
      bytes,
      locate(row) {
        const i = firstRows.indexOf(row);
        return { line: lines[i] ?? 0, original: JSON.stringify(originals[i] ?? null) };
      },
    };
    this.#documents = [];
    this.#rows = [];
    this.#lines = [];
    this.#unread = [];
    return batch;
  }

  #opened(tag: SaxesTagPlain): void {
    if (this.lost) return;
    this.#silent = 0;
    if (++this.#depth > MAX_XML_DEPTH) {
      return this.#lose(malformed(`has elements more than ${MAX_XML_DEPTH} deep`));
    }
    if (this.#skipping || (this.#open.length === 0 && tag.name !== this.#element)) return;
    const value: Document = Object.create(null);
    for (const [name, text] of Object.entries(tag.attributes)) {
      value[`@${name}`] = text;
      this.#size += name.length + text.length;
    }
    if (this.#open.length === 0) this.#size = 0;
    this.#size += 2 * tag.name.length + 5;
    this.#open.push({ name: tag.name, value, text: "", line: this.#parser.line });
  }

  #text(text: string): void {
    this.#silent = 0;
    const top = this.#open.at(-1);
    if (this.lost || !top) return;
    top.text += text;
    this.#size += text.length;
    if (this.#size <= MAX_DOCUMENT_BYTES) return;
    const { line } = this.#open[0]!;
    this.#fail(tooLarge(MAX_DOCUMENT_BYTES), line);
    this.#skipping = true; // until this document's element ends
    this.#depthOfSkipped = this.#depth - this.#open.length;
    this.#open = [];
  }

  #closed(): void {
    if (this.lost) return;
    this.#silent = 0;
    this.#depth--;
    if (this.#skipping) {
      if (this.#depth === this.#depthOfSkipped) this.#skipping = false;
      return;
    }
    const closed = this.#open.pop();
    if (!closed) return;
    const parent = this.#open.at(-1);
    const content = contentOf(closed, parent === undefined);
    if (parent) return addTo(parent.value, closed.name, content);
    this.#documents.push(content as Document);
    this.#rows.push(++this.#row);
    this.#lines.push(closed.line);
    this.#closedAt = this.#parser.position;
  }

  /** The parser reports an element as closed before it complains that the closing tag was another's. */
  #takeBackLast(): void {
    this.#documents.pop();
    this.#rows.pop();
    this.#lines.pop();
    this.#row--;
  }

  #lose(failure: DocumentFailure): void {
    if (this.lost) return;
    this.lost = true;
    this.#fail(failure, this.#open[0]?.line ?? this.#parser.line);
  }

  #fail(failure: DocumentFailure, line: number): void {
    const original = JSON.stringify(this.#open[0]?.value ?? {}).slice(0, MAX_ORIGINAL_CHARS);
    this.#unread.push({ row: ++this.#row, line, failure, original, cut: true });
  }
}

/** What an element amounts to: text when it has nothing else, unless it is a document. */
function contentOf({ value, text }: OpenElement, isDocument: boolean): unknown {
  const trimmed = text.trim();
  const empty = Object.keys(value).length === 0;
  if (empty && !isDocument) return text === "" ? "" : trimmed;
  if (trimmed !== "") value["#text"] = trimmed;
  return { ...value };
}

function addTo(parent: Document, name: string, content: unknown): void {
  const there = parent[name];
  if (there === undefined) parent[name] = content;
  else if (Array.isArray(there)) there.push(content);
  else parent[name] = [there, content];
}
