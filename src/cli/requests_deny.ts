import { EXIT } from "../base/exit_codes.ts";
import { MAX_ERROR_CHARS } from "../base/limits.ts";
import type { Command } from "./command.ts";
import { requireWaiting, withRequest } from "./requests_found.ts";

const UNSAID = "somebody at the agent denied it";

/** `sallyport requests deny ID` */
export const requestsDeny: Command = {
  name: "requests deny",
  usage: "ID",
  summary: "Deny a request that waits; the requester is told, with the reason if one is given",
  about: "Nothing leaves but that it was denied, and the reason. The requester may ask again.",
  options: [{ name: "reason", value: "TEXT", summary: "Why, for the requester to read" }],
  examples: ['sallyport requests deny 9f3c1a2b44d0 --reason "Not during the audit"'],
  async run(context) {
    const words = (context.option("reason") ?? UNSAID).slice(0, MAX_ERROR_CHARS);
    const { id } = await withRequest(requestsDeny, context, (request, store) => {
      requireWaiting(request);
      const now = context.clock.now();
      const denied = store.end(request.id, { state: "refused", code: "request.refused", words, now });
      if (!denied) requireWaiting(store.get(request.id)!);
      return request;
    });
    context.result({ id, reason: words }, () => "Denied. The requester is told as soon as the agent runs.");
    return EXIT.ok;
  },
};
