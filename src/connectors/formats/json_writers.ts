import { DocumentFailure } from "../../engine/batch.ts";
import type { Document } from "../../engine/batch.ts";
import type { WriteFormat } from "./format.ts";

type NoOptions = Record<never, never>;

const NOT_JSON = "cannot be written as JSON: it is nested too deeply, or holds what JSON does not have";

/** One JSON object a line. */
export const ndjsonWriter: WriteFormat<NoOptions> = {
  name: "ndjson",
  options: {},
  writer: () => ({
    begin: () => "",
    write(documents, fail) {
      let text = "";
      for (let i = 0; i < documents.length; i++) {
        const line = stringify(documents[i]!);
        if (line === undefined) fail(i, new DocumentFailure("document.rejected", NOT_JSON));
        else text += line + "\n";
      }
      return text;
    },
    end: () => "",
    state: () => undefined,
    restore() {},
  }),
};

/** One JSON array, an object a line. */
export const jsonWriter: WriteFormat<NoOptions> = {
  name: "json",
  options: {},
  writer() {
    let first = true;
    return {
      begin: () => "[",
      write(documents, fail) {
        let text = "";
        for (let i = 0; i < documents.length; i++) {
          const line = stringify(documents[i]!);
          if (line === undefined) {
            fail(i, new DocumentFailure("document.rejected", NOT_JSON));
            continue;
          }
          text += (first ? "\n" : ",\n") + line;
          first = false;
        }
        return text;
      },
      end: () => first ? "]\n" : "\n]\n",
      state: () => first,
      restore: (state) => void (first = state as boolean),
    };
  },
};

function stringify(document: Document): string | undefined {
  try {
    return JSON.stringify(document);
  } catch {
    return undefined; // the stack ended before the nesting did, or an expression gave something strange
  }
}
