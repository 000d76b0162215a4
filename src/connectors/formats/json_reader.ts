import * as z from "zod";
import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";
import type { Batch } from "../../engine/batch.ts";
import { Collector, malformed, tooLarge } from "./collector.ts";
import { createDecoder } from "./decoder.ts";
import type { ReadFormat } from "./format.ts";
import { JsonScanner } from "./json_scanner.ts";
import { parseObject } from "./ndjson_reader.ts";
import { Window } from "./window.ts";
import type { ByteChunks } from "./window.ts";

const options = {
  records: z.string().min(1).max(1000).optional().meta({
    description: "The path to the array of documents, such as data.orders. Default: the whole file",
  }),
};

type JsonOptions = z.output<z.ZodObject<typeof options>>;

const LOST = "so the rest of the file cannot be taken apart";

/**
 * One JSON text: an array of objects, or a single object; with `records`, what stands at that path. The elements
 * of an array are taken out one by one, so memory does not grow with the file.
 */
export const jsonReader: ReadFormat<JsonOptions> = { name: "json", options, read };

async function* read(chunks: ByteChunks, config: JsonOptions): AsyncGenerator<Batch> {
  const window = new Window(chunks, createDecoder("utf-8"));
  try {
    const source = new JsonSource(window);
    for (const key of config.records?.split(".") ?? []) {
      const problem = await source.enter(key);
      if (problem) return yield source.lost(problem);
    }
    yield* source.documents(config.records === undefined);
  } finally {
    await window.close();
  }
}

/** The reader's place in the text. */
class JsonSource {
  readonly #window: Window;
  readonly #collector = new Collector();
  #at = 0;
  #line = 1;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Goes into the object here, to the value of a key; gives what is wrong if there is none. */
  async enter(key: string): Promise<string | undefined> {
    if (await this.#next() !== "{") return `has no object where "${key}" should be`;
    this.#at++;
    for (;;) {
      let char = await this.#next();
      if (char === ",") {
        this.#at++;
        char = await this.#next();
      }
      if (char !== '"') return `has no "${key}" on the way to its records`;
      const name = await this.#value();
      if (name === undefined || await this.#next() !== ":") return `is not JSON, ${LOST}`;
      this.#at++;
      await this.#next();
      let parsed: unknown;
      try {
        parsed = JSON.parse(name);
      } catch {
        return `is not JSON, ${LOST}`;
      }
      if (parsed === key) return undefined;
      if (!await this.#skipValue()) return `is not JSON, ${LOST}`;
    }
  }

  /** The documents of the array or object here. `whole` says that nothing may follow it. */
  async *documents(whole: boolean): AsyncGenerator<Batch> {
    const first = await this.#next();
    this.#collector.begin(this.#window.text);
    if (first === "") return yield whole ? this.#take() : this.lost(`is not JSON, ${LOST}`);
    const array = first === "[";
    if (array) this.#at++;
    for (let elements = 0;; elements++) {
      let char = yield* this.#nextWithin();
      if (array && char === "]") {
        this.#at++;
        break;
      }
      if (elements > 0) {
        if (!array) break;
        if (char !== ",") return yield this.lost(`is not JSON: a comma or ] is missing, ${LOST}`);
        this.#at++;
        char = yield* this.#nextWithin();
      }
      if (char === "" || char === "]" || char === ",") return yield this.lost(`is not JSON, ${LOST}`);
      const problem = yield* this.#element();
      if (problem) return yield this.lost(problem);
    }
    if (whole && (yield* this.#nextWithin()) !== "") {
      return yield this.lost(
        "has more after the end of its JSON; for one object a line use the format ndjson",
      );
    }
    yield this.#take();
  }

  /** Fails the rest of the file as one document. */
  lost(problem: string): Batch {
    this.#collector.begin(this.#window.text);
    this.#collector.fail(malformed(problem), this.#at, this.#window.text.length, this.#line, true);
    return this.#take();
  }

  #take(): Batch {
    return this.#collector.take(this.#window.takeBytes());
  }

  /** Takes one element; gives a batch first whenever the window must move on. */
  async *#element(): AsyncGenerator<Batch, string | undefined> {
    const scanner = new JsonScanner();
    let end = scanner.scan(this.#window.text, this.#at);
    while (end < 0) {
      if (this.#window.ended) return `is not JSON: it ends in the middle of a document, ${LOST}`;
      if (this.#collector.size > 0) yield this.#take();
      if (this.#window.text.length - this.#at > MAX_DOCUMENT_BYTES) {
        this.#collector.begin(this.#window.text);
        this.#collector.fail(
          tooLarge(MAX_DOCUMENT_BYTES),
          this.#at,
          this.#window.text.length,
          this.#line,
          true,
        );
        yield this.#take();
        return await this.#skipOn(scanner) ? undefined : `is not JSON, ${LOST}`;
      }
      const scanned = this.#window.text.length - this.#at;
      await this.#window.grow(this.#at);
      this.#at = 0;
      this.#collector.begin(this.#window.text);
      end = scanner.scan(this.#window.text, scanned);
    }
    const start = this.#at;
    const text = this.#window.text.slice(start, end);
    if (!(this.#window.damaged && this.#collector.failIfDamaged(start, end, this.#line))) {
      const document = parseObject(text);
      if (typeof document !== "string") this.#collector.add(document, start, end, this.#line);
      else this.#collector.fail(malformed(document), start, end, this.#line);
    }
    this.#pass(end);
    return undefined;
  }

  /** Moves to the next character that is not white space, and gives it; "" at the end of the input. */
  async #next(): Promise<string> {
    for (;;) {
      const text = this.#window.text;
      while (this.#at < text.length && /[\s]/.test(text[this.#at]!)) {
        if (text[this.#at] === "\n") this.#line++;
        this.#at++;
      }
      if (this.#at < text.length) return text[this.#at]!;
      if (this.#window.ended) return "";
      await this.#window.advance(this.#at);
      this.#at = 0;
    }
  }

  /** As {@linkcode JsonSource.#next}, giving what was gathered before the window moves on. */
  async *#nextWithin(): AsyncGenerator<Batch, string> {
    const rest = /\S/g;
    rest.lastIndex = this.#at;
    if (!rest.test(this.#window.text) && !this.#window.ended && this.#collector.size > 0) yield this.#take();
    const char = await this.#next();
    this.#collector.begin(this.#window.text);
    return char;
  }

  /** The text of the value here, which must be small (a key); undefined when it does not end. */
  async #value(): Promise<string | undefined> {
    for (;;) {
      const end = new JsonScanner().scan(this.#window.text, this.#at);
      if (end >= 0) {
        const text = this.#window.text.slice(this.#at, end);
        this.#at = end;
        return text;
      }
      if (this.#window.ended || this.#window.text.length - this.#at > MAX_DOCUMENT_BYTES) return undefined;
      await this.#window.grow(this.#at);
      this.#at = 0;
    }
  }

  async #skipValue(): Promise<boolean> {
    const scanner = new JsonScanner();
    const end = scanner.scan(this.#window.text, this.#at);
    if (end < 0) return await this.#skipOn(scanner);
    this.#pass(end);
    return true;
  }

  /** Goes on to the end of a value that the scanner is in the middle of, holding no more than a chunk. */
  async #skipOn(scanner: JsonScanner): Promise<boolean> {
    for (;;) {
      this.#pass(this.#window.text.length);
      if (this.#window.ended) return false;
      await this.#window.advance(this.#at);
      this.#at = 0;
      const end = scanner.scan(this.#window.text, 0);
      if (end < 0) continue;
      this.#pass(end);
      return true;
    }
  }

  #pass(end: number): void {
    const text = this.#window.text;
    for (let at = text.indexOf("\n", this.#at); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
      this.#line++;
    }
    this.#at = end;
  }
}
