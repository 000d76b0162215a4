import { dim, red } from "@std/fmt/colors";
import { EXIT } from "../base/exit_codes.ts";
import { printable } from "../base/terminal.ts";
import { Spending } from "../agent/policy/spending.ts";
import { DATABASE_PATH } from "../agent/home.ts";
import { decide } from "../agent/requests/decision.ts";
import { createResponders } from "../agent/responders.ts";
import type { Responder } from "../engine/requests/responder.ts";
import { judgeAnswer } from "../gate/answers.ts";
import type { Command } from "./command.ts";
import { chosenPolicy, POLICY_OPTION } from "./policy_file.ts";
import { withRequest } from "./requests_found.ts";
import { LineOutput } from "./run_records.ts";

/** `sallyport requests preview ID` */
export const requestsPreview: Command = {
  name: "requests preview",
  usage: "ID",
  summary: "Show exactly what would be sent for a request, without sending it",
  about:
    `Makes the answer as the agent would, takes it through the policy, and prints what is left of it: one JSON object
a line, as the platform would get them. Of the log of a run that goes on, what there is by now.`,
  options: [POLICY_OPTION],
  examples: [
    "sallyport requests preview 9f3c1a2b44d0 | less",
    "sallyport requests preview 9f3c1a2b44d0 --policy new.yaml | jq .kind",
  ],
  async run(context) {
    const { clock, signal } = context;
    const { policy } = await chosenPolicy(context, context.option("policy"));
    return await withRequest(requestsPreview, context, async (request, _store, db) => {
      const circumstances = new Spending(db, clock).circumstances();
      const decision = decide({ ...request, state: "received" }, policy, circumstances, () => true);
      if (decision && "words" in decision) {
        console.error(red(`It would be refused: ${printable(decision.words)}`));
        return EXIT.refused;
      }
      // One that follows a run would not come to an end.
      const parameters = {
        ...JSON.parse(request.parameters),
        ...request.class === "logs" ? { follow: false } : {},
      };
      const responder: Responder<never> =
        createResponders({ db, databasePath: DATABASE_PATH, clock })[request.class];
      const output = new LineOutput();
      let stays = 0;
      try {
        for await (const record of responder.answer(parameters as never, signal)) {
          const { payload } = judgeAnswer(request.class, record, parameters, policy);
          if (!payload) stays++;
          else if (!await output.line(JSON.stringify(payload))) return EXIT.ok;
        }
      } finally {
        await output.end();
      }
      if (stays > 0) console.error(dim(`${stays} records are not of this class, so the request would fail.`));
      return EXIT.ok;
    });
  },
};
