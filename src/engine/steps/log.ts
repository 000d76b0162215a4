import * as z from "zod";
import type { StepKind } from "./step.ts";

/**
 * `log: text`: writes the text with the number of documents that came by, once at the end of each run. It cannot
 * show fields: the log can be asked for by the platform, and documents do not leave by that way.
 */
export const log: StepKind<string> = {
  name: "log",
  schema: z.string().min(1).max(200).refine((text) => !text.includes("${"), {
    message: "takes fixed text: documents never go into the log, only how many came by",
  }).meta({ description: "Logs this text and how many documents came by, once a run" }),
  plan: (text, field) => ({
    field,
    start({ log }) {
      let documents = 0;
      return {
        apply(batch) {
          documents += batch.documents.length;
        },
        finish: () => log.info(text, { documents }),
      };
    },
  }),
};
