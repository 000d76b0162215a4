import { usage } from "../../base/command_line/command.ts";
import { EXIT } from "../../base/exit_codes.ts";
import type { Command } from "../command.ts";
import { time } from "../format.ts";

interface Enrolment {
  id: string;
  bundle: string;
  expires: string;
}

export const enrolmentCreate: Command = {
  name: "enrolment create",
  usage: "",
  summary: "Make a bundle that enrols one new agent",
  about:
    "The bundle is one line with a one-time secret. Carry it to the agent's machine over a channel that\n" +
    "you trust, and give it to `sallyport enroll` there. It works once and only until it expires.",
  options: [
    { name: "name", value: "NAME", summary: "What the agent will be called (default: its host name)" },
    { name: "expires", value: "MINUTES", summary: "Life of the bundle (default 60)" },
    { name: "reach", value: "HOST:PORT", summary: "The platform's address as this agent will reach it" },
  ],
  examples: [
    "sallyportctl enrolment create --name warehouse-3",
    "sallyportctl enrolment create --expires 10 > bundle.txt",
  ],
  async run({ option, platform, result }) {
    const minutes = option("expires");
    if (minutes !== undefined && !/^[0-9]{1,5}$/.test(minutes)) {
      throw usage(`--expires must be a number of minutes, not "${minutes}"`);
    }
    const enrolment = await platform.call<Enrolment>("POST", "/enrolments", {
      ...(option("name") ? { name: option("name") } : {}),
      ...(minutes ? { expiresInMinutes: Number(minutes) } : {}),
      ...(option("reach") ? { platform: option("reach") } : {}),
    });
    result(enrolment, ({ bundle }) => bundle);
    // Beside the result, so that the bundle alone can be piped into a file.
    console.error(
      `Valid until ${time(enrolment.expires)}, once. On the agent's machine: sallyport enroll BUNDLE`,
    );
    return EXIT.ok;
  },
};
