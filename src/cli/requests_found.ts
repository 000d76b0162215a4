import type { CommandDescription } from "../base/command_line/command.ts";
import { oneWord } from "../base/command_line/command.ts";
import { isoTime } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import type { Database } from "../base/sqlite.ts";
import type { RequestStore, StoredRequest } from "../engine/requests/store.ts";
import { createRequestStore } from "../engine/requests/store.ts";
import type { CommandContext } from "./command.ts";
import { withState } from "./state.ts";

/** A request as the commands about requests print it. */
export interface ShownRequest {
  id: string;
  class: string;
  requester: string;
  reason: string;
  parameters: unknown;
  state: string;
  receivedAt: string;
  deadline: string;
  approval: string | null;
  endedAt: string | null;
  code: string | null;
  words: string | null;
  sent: { records: number; bytes: number };
}

/** What is to be shown of a request. */
export function shown(request: StoredRequest): ShownRequest {
  const { id, class: name, requester, reason, parameters, state, approval, code, words } = request;
  return {
    id,
    class: name,
    requester,
    reason,
    parameters: JSON.parse(parameters),
    state,
    receivedAt: isoTime(request.receivedAt),
    deadline: isoTime(request.deadline),
    approval,
    endedAt: request.endedAt === null ? null : isoTime(request.endedAt),
    code,
    words,
    sent: { records: request.records, bytes: request.bytes },
  };
}

/**
 * Works with the request that the one word of a command names, by its id or by enough of its end to know it.
 *
 * @throws {SallyportError} `request.not-found` when no request, or more than one, is meant.
 */
export async function withRequest<T>(
  command: CommandDescription,
  { words }: Pick<CommandContext, "words">,
  work: (request: StoredRequest, store: RequestStore, db: Database) => T | Promise<T>,
): Promise<T> {
  const word = oneWord(command, words);
  const result = await withState(async (db) => {
    const store = createRequestStore(db);
    return { done: await work(find(store, word), store, db) };
  });
  if (result) return result.done;
  throw new SallyportError("request.not-found", "no request has come to this home yet");
}

/**
 * Checks that a request waits for approval.
 *
 * @throws {SallyportError} `request.not-found`
 */
export function requireWaiting({ id, state }: StoredRequest): void {
  if (state === "waiting") return;
  throw new SallyportError(
    "request.not-found",
    `the request ${id} does not wait for approval: it is ${state}`,
    {
      remedy: "List those that wait with: sallyport requests",
    },
  );
}

function find(store: RequestStore, word: string): StoredRequest {
  const exact = store.get(word);
  if (exact) return exact;
  const found = word.length < 4 ? [] : store.newest(1_000).filter(({ id }) => id.endsWith(word));
  if (found.length === 1) return found[0]!;
  const what = found.length > 1 ? `${found.length} requests end with` : "there is no request";
  throw new SallyportError("request.not-found", `${what} "${word}"`, {
    remedy: "List them with their ids: sallyport requests --all",
  });
}
