import { oneWord, usage } from "../base/command_line/command.ts";
import type { CommandDescription } from "../base/command_line/command.ts";
import { SallyportError } from "../base/errors.ts";
import { finding, printable } from "../base/terminal.ts";
import type { CommandContext } from "./command.ts";
import { heading, time } from "./format.ts";

/** An agent as the API gives it, as far as these commands look. */
export interface Agent {
  id: string;
  name: string;
  state: string;
  reason?: string;
  since: string;
  lastSeen?: string;
  enrolledAt: string;
  revokedAt?: string;
  attributes: Record<string, string>;
  certificateExpires?: string;
  health?: { conditions: Condition[] };
  clones?: {
    since: string;
    lastSeen: string;
    starts: {
      id: string;
      firstSeen: string;
      lastSeen: string;
      address: string;
      facts: Record<string, string>;
    }[];
  };
  recovery?: { state: "waiting" | "granted" | "too late"; expired: string; lastKnock: string };
  keyRotation?: { state: "requested" | "done"; requestedAt: string; requestedBy: string; doneAt?: string };
}

/** What an agent says is wrong with it. */
interface Condition {
  code?: string;
  severity: string;
  component?: string;
  since?: string;
  reason: string;
  remedy?: string;
}

/**
 * The agent that the one word of a command names, by its id or, if only one has it, by its name.
 *
 * @throws {SallyportError} `usage` for a name that several have, `request.not-found` for one that nobody has.
 */
export async function agentNamed(
  command: CommandDescription,
  { platform, words }: Pick<CommandContext, "platform" | "words">,
): Promise<Agent> {
  const word = oneWord(command, words);
  const { agents } = await platform.call<{ agents: Agent[] }>("GET", "/agents");
  const found = agents.filter(({ id, name }) => id === word || name === word);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw usage(
      `${found.length} agents are called "${word}": use an id, ${found.map(({ id }) => id).join(" or ")}`,
    );
  }
  throw new SallyportError("request.not-found", `there is no agent with the id or the name "${word}"`, {
    remedy: "List them with: sallyportctl agents",
  });
}

/** What somebody may have to act on, in a few words each. */
export function notesOf({ clones, recovery, keyRotation }: Agent): string[] {
  const addresses = [...new Set(clones?.starts.map(({ address }) => address))].join(", ");
  return [
    ...clones ? [`CLONED: a copy of its home runs, too (from ${printable(addresses)})`] : [],
    ...recovery ? [RECOVERY[recovery.state]] : [],
    ...keyRotation?.state === "requested" ? ["a new key is requested"] : [],
  ];
}

const RECOVERY = {
  waiting: "waits for approval of a new certificate",
  granted: "a new certificate is approved; it comes back by itself",
  "too late": "its certificate expired too long ago: enrol it again",
};

/** What an agent says is wrong with it, and what to do about it; each begins with an empty line. */
export function conditionLines({ name, health }: Agent): string[] {
  return (health?.conditions ?? []).map(({ code, severity, component, since, reason, remedy }) => {
    const what = [code ?? severity, ...component ? [`(${component})`] : []].map(printable).join(" ");
    const title = `${heading(printable(name))}: ${what}${since ? ` since ${time(since)}` : ""}`;
    return `\n${finding(title, reason, remedy)}`;
  });
}
