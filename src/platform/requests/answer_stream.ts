import { gunzipSync } from "node:zlib";
import type { RequestStore } from "../store/requests.ts";
import type { RequestDesk } from "./desk.ts";

/**
 * An answer from its beginning, a chunk whenever its reader takes one, live while it comes. It breaks off when the
 * request ends without a whole answer: what is not whole must not look so.
 *
 * @param compressed as a gzip file of one member for each chunk (RFC 1952, 2.2), which costs no work here
 */
export function answerStream(
  id: string,
  { desk, requests, compressed, breakOff }: {
    desk: Pick<RequestDesk, "change" | "isOver">;
    requests: Pick<RequestStore, "get" | "chunk">;
    compressed: boolean;
    /** Cuts the connection to the reader. */
    breakOff(): void;
  },
): ReadableStream<Uint8Array> {
  let number = 0;
  let isGone = false;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    while (!isGone) {
      const change = desk.change(id); // before looking, so that none is missed
      const chunk = await requests.chunk(id, number);
      if (chunk) {
        number++;
        const bytes = compressed ? chunk : new Uint8Array(gunzipSync(chunk));
        if (bytes.length === 0) continue; // nothing was left to say in the last one
        return controller.enqueue(bytes);
      }
      const request = await requests.get(id);
      if (request?.state === "answered" && number >= request.chunks) return controller.close();
      if (!request || request.endedAt !== null || desk.isOver) return breakOff();
      await change;
    }
  };
  return new ReadableStream({ pull, cancel: () => void (isGone = true) }, { highWaterMark: 1 });
}
