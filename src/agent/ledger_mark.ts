import { join } from "@std/path";
import { readTextIfThere, writeAtomic } from "../base/files.ts";
import type { CheckpointMark } from "../protocol/checkpoint.ts";
import { checkpointText, parseCheckpoint } from "../protocol/checkpoint.ts";
import { STATE_FOLDER } from "./home.ts";

const PATH = join(STATE_FOLDER, "ledger.checkpoint");

/**
 * The last checkpoint of the ledger, kept beside the database: one that went back in time, or was lost, cannot tell
 * that by itself.
 */
export class LedgerMark {
  #writing: Promise<void> = Promise.resolve();

  /** The checkpoint that was kept last, if there is one that can be read. */
  async read(): Promise<CheckpointMark | undefined> {
    return parseCheckpoint((await readTextIfThere(PATH))?.trimEnd() ?? "");
  }

  /** Keeps a checkpoint, after those that are being kept. */
  keep(mark: CheckpointMark): void {
    this.#writing = this.#writing.then(() => writeAtomic(PATH, `${checkpointText(mark)}\n`)).catch(() => {
      // A full disk, most likely, which others tell of; the next one is kept again.
    });
  }

  /** Resolves when all are kept. */
  settled(): Promise<void> {
    return this.#writing;
  }
}
