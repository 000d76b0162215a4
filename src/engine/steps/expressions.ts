import { DocumentFailure } from "../batch.ts";
import type { Batch, Document, Fail } from "../batch.ts";

/** As {@linkcode mapBatch}, for what must wait: one document after the other. Undefined filters it out. */
export async function applyExpression(
  batch: Batch,
  fail: Fail,
  change: (document: Document) => Promise<Document | DocumentFailure | undefined>,
): Promise<void> {
  const { documents, rows } = batch;
  let kept = 0;
  for (let i = 0; i < documents.length; i++) {
    const changed = await change(documents[i]!);
    if (changed instanceof DocumentFailure) {
      fail(rows[i]!, changed);
    } else if (changed !== undefined) {
      documents[kept] = changed;
      rows[kept++] = rows[i]!;
    }
  }
  documents.length = rows.length = kept;
}
