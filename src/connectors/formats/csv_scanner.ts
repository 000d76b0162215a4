import { MAX_DOCUMENT_BYTES } from "../../base/limits.ts";

const LF = 10;
const CR = 13;
const TEXT_AFTER_QUOTE = "has characters after a closing quote";

/**
 * Takes one record after the other out of a stretch of CSV text. The result of a record stands in `cells`,
 * `count`, `problem` and `contentEnd`, which the next one overwrites: no garbage but the cells themselves.
 */
export class CsvScanner {
  /** The cells of the record; only the first `count` are its own. */
  readonly cells: string[] = [];
  count = 0;
  /** What is wrong with the record; then its cells mean nothing. */
  problem: string | undefined;
  /** Where the record's text ends, without its line end. */
  contentEnd = 0;
  /** The line that the next record starts on, from 1. */
  line = 1;

  readonly #delimiter: string;
  readonly #delimiterCode: number;
  readonly #quote: string;
  readonly #quoteCode: number;
  readonly #doubled: string;
  #text = "";
  #ended = false;
  /** Where the next quote of the text is: lines before it are split without looking at each character. */
  #nextQuote = 0;

  constructor(delimiter: string, quote: string) {
    this.#delimiter = delimiter;
    this.#delimiterCode = delimiter.charCodeAt(0);
    this.#quote = quote;
    this.#quoteCode = quote.charCodeAt(0);
    this.#doubled = quote + quote;
  }

  /** The text that positions are in from now on; `ended` says that the input ends with it. */
  use(text: string, ended: boolean): void {
    this.#text = text;
    this.#ended = ended;
    this.#nextQuote = -1;
  }

  /** Reads the record at `start`. Gives where the next one starts, or -1 when the text ends too early. */
  record(start: number): number {
    const text = this.#text;
    let newline = text.indexOf("\n", start);
    if (newline < 0) {
      if (!this.#ended) return -1;
      newline = text.length;
    }
    if (this.#nextQuote < start) {
      const next = text.indexOf(this.#quote, start);
      this.#nextQuote = next < 0 ? text.length : next;
    }
    return this.#nextQuote >= newline ? this.#plain(start, newline) : this.#quoted(start, newline);
  }

  /** A line without quotes. */
  #plain(start: number, newline: number): number {
    const text = this.#text;
    const cells = this.cells;
    const delimiter = this.#delimiterCode;
    const end = newline > start && text.charCodeAt(newline - 1) === CR ? newline - 1 : newline;
    let count = 0;
    let from = start;
    for (let at = start; at < end; at++) {
      if (text.charCodeAt(at) === delimiter) {
        cells[count++] = text.slice(from, at);
        from = at + 1;
      }
    }
    cells[count++] = text.slice(from, end);
    return this.#done(count, end, newline, 1);
  }

  /** A record that holds quotes, and so perhaps line ends inside them. */
  #quoted(start: number, newline: number): number {
    const text = this.#text;
    const limit = Math.min(text.length, start + MAX_DOCUMENT_BYTES);
    let count = 0;
    let lines = 1;
    let at = start;
    let lineEnd = newline; // of the line that the current cell starts on
    let problem: string | undefined;
    for (;;) {
      if (text.charCodeAt(at) !== this.#quoteCode) {
        // A cell that does not start with a quote: quotes further on are letters like any other (5" pipe).
        let end = text.indexOf(this.#delimiter, at);
        if (end < 0 || end > lineEnd) end = lineEnd;
        const last = end === lineEnd;
        const stop = last && end > at && text.charCodeAt(end - 1) === CR ? end - 1 : end;
        this.cells[count++] = text.slice(at, stop);
        if (last) return this.#done(count, stop, lineEnd, lines, problem);
        at = end + 1;
        continue;
      }
      let close = text.indexOf(this.#quote, at + 1);
      let doubled = false;
      while (close >= 0 && text.charCodeAt(close + 1) === this.#quoteCode) {
        doubled = true;
        close = text.indexOf(this.#quote, close + 2);
      }
      const beyond = close < 0 || close >= limit;
      if (!this.#ended && (beyond ? limit === text.length : close + 2 >= text.length)) return -1;
      if (beyond) {
        return this.#bad("has a quote that is not closed", lineEnd, lines);
      }
      const inner = text.slice(at + 1, close);
      this.cells[count++] = doubled ? inner.replaceAll(this.#doubled, this.#quote) : inner;
      const openedOn = lineEnd;
      const openedAtLine = lines;
      if (close > lineEnd) {
        lines += newlinesBetween(text, at, close);
        lineEnd = text.indexOf("\n", close);
        if (lineEnd < 0) {
          if (!this.#ended) return -1;
          lineEnd = text.length;
        }
      }
      const next = text.charCodeAt(close + 1);
      if (next === this.#delimiterCode) {
        at = close + 2;
      } else if (next === LF || close + 1 >= text.length) {
        return this.#done(count, close + 1, lineEnd, lines, problem);
      } else if (next === CR && close + 2 === lineEnd) {
        return this.#done(count, close + 1, lineEnd, lines, problem);
      } else if (lineEnd !== openedOn) {
        // Two quotes on two lines with text behind: more likely each belongs to a record of its own.
        return this.#bad(TEXT_AFTER_QUOTE, openedOn, openedAtLine);
      } else {
        // The cell is wrong, but where the record goes on is plain: a line end in a later cell is still inside it.
        problem = TEXT_AFTER_QUOTE;
        const delimiter = text.indexOf(this.#delimiter, close);
        if (delimiter < 0 || delimiter > lineEnd) return this.#done(count, lineEnd, lineEnd, lines, problem);
        at = delimiter + 1;
      }
    }
  }

  #done(count: number, contentEnd: number, newline: number, lines: number, problem?: string): number {
    this.count = count;
    this.problem = problem;
    this.contentEnd = contentEnd;
    this.line += lines;
    return newline + 1;
  }

  /** Fails the record and ends it with the line on which the quote was opened, so that nothing more is lost. */
  #bad(problem: string, lineEnd: number, lines: number): number {
    this.problem = problem;
    this.contentEnd = this.#text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd;
    this.line += lines;
    this.#nextQuote = -1;
    return lineEnd + 1;
  }
}

function newlinesBetween(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
