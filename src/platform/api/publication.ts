import { parseDocument } from "yaml";
import { SallyportError } from "../../base/errors.ts";
import { utf8 } from "../../base/encoding.ts";
import { MAX_MESSAGE_BYTES, MAX_PROCESS_BYTES, MAX_PROCESSES } from "../../base/limits.ts";
import type { Assignment } from "../store/processes.ts";
import type { Store } from "../store/store.ts";

/** What all definitions for one agent may have together: they travel in one message, with some room for names. */
const MAX_CONFIG_BYTES = MAX_MESSAGE_BYTES - 64 * 1024;

/** Stands for an agent that is yet to be enrolled: it gets everything that is for all. */
const NEWCOMER = "(to be enrolled)";

interface Publication {
  name: string;
  definition: string;
  agents: Assignment;
}

/**
 * Refuses what could never reach an agent. Whether the definition is a valid process only the agent can say,
 * which knows its own version's rules.
 *
 * @throws {SallyportError} `process.invalid` or `request.invalid` saying what does not fit.
 */
export async function checkPublication(publication: Publication, store: Store): Promise<void> {
  const { name, definition, agents } = publication;
  const bytes = utf8(definition).length;
  if (bytes > MAX_PROCESS_BYTES) {
    throw invalid(`the definition has ${bytes} bytes; at most ${MAX_PROCESS_BYTES} are allowed`);
  }
  checkYaml(name, definition);
  const known = await store.agents.list();
  const receivers = agents === "all" ? known.map(({ uid }) => uid) : agents;
  for (const agent of receivers) {
    if (!known.some(({ uid }) => uid === agent)) {
      throw new SallyportError("request.invalid", `"agents" names ${agent}, which is no agent`);
    }
    await checkRoom(agent, name, bytes, store);
  }
  if (agents === "all") await checkRoom(NEWCOMER, name, bytes, store);
}

function checkYaml(name: string, definition: string): void {
  const document = parseDocument(definition);
  const error = document.errors[0];
  if (error) throw invalid(`the definition is not YAML: ${error.message.split("\n")[0]}`);
  const named = document.get("name");
  if (typeof named === "string" && named !== name) {
    throw invalid(`the definition names itself "${named}", but it is published as "${name}"`);
  }
}

/** An agent's processes come in one message, so they must fit it together. */
async function checkRoom(agent: string, name: string, bytes: number, store: Store): Promise<void> {
  const others = (await store.processes.wantedBy(agent)).filter((process) => process.name !== name);
  const total = others.reduce((sum, { definition }) => sum + utf8(definition).length, bytes);
  if (others.length < MAX_PROCESSES && total <= MAX_CONFIG_BYTES) return;
  throw invalid(
    `the agent ${agent} would have ${others.length + 1} processes with ${total} bytes; ` +
      `${MAX_PROCESSES} with ${MAX_CONFIG_BYTES} bytes fit`,
  );
}

function invalid(why: string): SallyportError {
  return new SallyportError("process.invalid", why, {
    remedy: "Change the definition and publish it again.",
  });
}
