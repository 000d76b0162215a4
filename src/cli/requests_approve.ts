import { DAY_MS, isoTime } from "../base/clock.ts";
import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { printable } from "../base/terminal.ts";
import { transaction } from "../base/sqlite.ts";
import type { Command } from "./command.ts";
import { lengthOf } from "./moment.ts";
import { requireWaiting, withRequest } from "./requests_found.ts";

const MAX_DAYS = 30;

/** `sallyport requests approve ID` */
export const requestsApprove: Command = {
  name: "requests approve",
  usage: "ID",
  summary: "Approve a request that waits, once, or with --for what this person asks of the class for a while",
  about:
    `The running agent answers it at once. An approval allows no more than the policy would: what it denies stays
denied. With --for, further requests of the same requester for the same class need no approval until then.`,
  options: [
    { name: "for", value: "TIME", summary: "Also for those that come in this time, such as 30m, 2h or 1d" },
  ],
  examples: ["sallyport requests approve 9f3c1a2b44d0", "sallyport requests approve 9f3c1a2b44d0 --for 2h"],
  async run(context) {
    const forMs = duration(context.option("for"));
    const until = forMs === undefined ? undefined : context.clock.now() + forMs;
    const { id, class: name, requester } = await withRequest(
      requestsApprove,
      context,
      (request, store, db) => {
        requireWaiting(request);
        transaction(db, () => {
          if (!store.move(request.id, "waiting", "approved", "person")) {
            requireWaiting(store.get(request.id)!);
          }
          if (until !== undefined) store.approveUntil(request.class, request.requester, until);
        });
        return request;
      },
    );
    const approvedUntil = until === undefined ? null : isoTime(until);
    context.result({ id, class: name, requester, approvedUntil }, () => {
      const more = approvedUntil === null
        ? ""
        : `\nWhat ${printable(requester)} asks of ${name} needs no approval until ${approvedUntil}.`;
      return `Approved. The agent answers it as soon as it runs.${more}`;
    });
    return EXIT.ok;
  },
};

function duration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^[1-9]\d{0,3}[mhd]$/.test(text) ? lengthOf(text)! : NaN;
  if (ms <= MAX_DAYS * DAY_MS) return ms;
  throw usage(`--for must be a time such as 30m, 2h or 1d, at most ${MAX_DAYS}d, not "${text}"`);
}
