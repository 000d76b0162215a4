import { oneWord } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { Request } from "../answers/requests.ts";
import type { Command } from "../command.ts";
import { describe } from "./requests_show.ts";

export const requestsCancel: Command = {
  name: "requests cancel",
  usage: "ID",
  summary: "Take a request back: nothing more of its answer comes",
  about: "Your own, or with the right to administer anybody's. Of one that has ended, nothing changes.",
  options: [],
  examples: ["sallyportctl requests cancel 01980000-0000-7000-8000-000000000000"],
  async run({ platform, result, words }) {
    const id = oneWord(requestsCancel, words);
    result(await platform.call<Request>("DELETE", `/requests/${encodeURIComponent(id)}`), describe);
    return EXIT.ok;
  },
};
