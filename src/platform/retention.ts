import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DocumentStore } from "./store/documents.ts";

/** How often what has passed its time is removed; it is not shown in between either. */
const SWEEP_MS = 60 * 60_000;

/** Forgets the fields of documents whose time has passed, at the start and from then on; gives what ends it. */
export function startRetention(
  documents: DocumentStore,
  { clock, log }: { clock: Clock; log: Log },
): () => Promise<void> {
  const stopped = new AbortController();
  const sweep = async () => {
    try {
      const runs = await documents.forget(clock.now());
      if (runs > 0) log.info("fields of documents have passed their time and were removed", { runs });
    } catch (error) {
      log.error("fields of documents that have passed their time were not removed", {
        reason: messageOf(error),
      });
    }
  };
  const ended = (async () => {
    while (!stopped.signal.aborted) {
      await sweep();
      await sleep(clock, SWEEP_MS, stopped.signal);
    }
  })();
  return async () => {
    stopped.abort();
    await ended;
  };
}
