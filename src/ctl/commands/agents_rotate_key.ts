import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import { agentNamed } from "../agents.ts";
import type { Agent } from "../agents.ts";
import type { Command } from "../command.ts";

export const agentsRotateKey: Command = {
  name: "agents rotate-key",
  usage: "ID|NAME",
  summary: "Ask an agent to make a new key and renew its certificate now",
  about:
    "A connected agent does it at once, another one when it connects. The key in use goes on working until\n" +
    "the new one was used, and is refused from then on. Asked again meanwhile, nothing changes.\n" +
    "What became of it: sallyportctl agents show ID|NAME",
  options: [],
  examples: [
    "sallyportctl agents rotate-key till-7",
    "sallyportctl agents --json | jq -r '.agents[].id' | xargs -n 1 sallyportctl agents rotate-key",
  ],
  async run(context) {
    const { id, name, state } = await agentNamed(this, context);
    const path = `/agents/${id}/rotate-key`;
    const rotation = await context.platform.call<NonNullable<Agent["keyRotation"]>>("POST", path);
    context.result(
      { id, name, ...rotation },
      () =>
        state === "offline"
          ? `${printable(name)} will make a new key when it connects; it is offline now.`
          : `${printable(name)} was asked for a new key. See: sallyportctl agents show ${id}`,
    );
    return EXIT.ok;
  },
};
