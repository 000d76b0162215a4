/**
 * Finds where a JSON value ends without understanding it: brackets and quotes are enough, and `JSON.parse` judges
 * the rest. It can stop at the end of a chunk and go on with the next.
 */
export class JsonScanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inWord = false;

  /** Gives where the value that starts (or goes on) at `at` ends, or -1 when it goes on beyond the text. */
  scan(text: string, at: number): number {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (code === BACKSLASH) this.#escaped = true;
        else if (code === QUOTE) {
          this.#inString = false;
          if (this.#depth === 0) return at + 1;
        }
      } else if (code === QUOTE) {
        this.#inString = true;
      } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        this.#depth++;
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        if (this.#depth === 0) return at; // the bracket around a number or a word
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0) {
        const ends = code === COMMA || code === COLON || code <= SPACE;
        if (!ends) this.#inWord = true;
        else if (this.#inWord) return at;
      }
    }
    return -1;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
