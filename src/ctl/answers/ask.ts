import { dim } from "@std/fmt/colors";
import { TextLineStream } from "@std/streams/text-line-stream";
import { inWords, sleep, systemClock } from "../../base/clock.ts";
import type { Option } from "../../base/command_line/command.ts";
import { usage } from "../../base/command_line/command.ts";
import { asSallyportError, SallyportError } from "../../base/errors.ts";
import { progressLine } from "../../base/progress_line.ts";
import { printable } from "../../base/terminal.ts";
import type { AnswerClass } from "../../protocol/answers.ts";
import { knownCode } from "../client.ts";
import type { CommandContext } from "../command.ts";
import { bytes } from "../format.ts";
import type { Request } from "./requests.ts";

/** The options of every command that asks an agent. */
export const ASK_OPTIONS: readonly Option[] = [
  { name: "reason", value: "TEXT", summary: "Why, for the agent's owner to read" },
  { name: "within", value: "SECONDS", summary: "How long the answer is of use (default: 3600)" },
  { name: "output", value: "FILE", summary: "Write the answer into a file instead, gzipped NDJSON" },
];

export interface Asking<R> {
  agent: string;
  channel: AnswerClass;
  parameters: Record<string, unknown>;
  /** Takes the records one after another, unless they go into a file or leave as JSON. */
  show(record: R): void;
}

/** How often somebody who waits is told where the request stands. */
const LOOK_MS = 1_000;

/**
 * Asks an agent for something, says on standard error what it waits for, and shows the answer as it comes. Whoever
 * breaks off takes the request back.
 *
 * @throws {SallyportError} how the request ended, if not with a whole answer.
 */
export async function ask<R>(context: CommandContext, asking: Asking<R>): Promise<void> {
  const { platform, option, signal } = context;
  const { agent, channel, parameters } = asking;
  const withinSeconds = Number(option("within") ?? "3600");
  if (!Number.isInteger(withinSeconds)) throw usage("--within must be a whole number of seconds");
  const body = { channel, parameters, reason: option("reason") ?? "", withinSeconds };
  const { id } = await platform.call<Request>("POST", `/agents/${agent}/requests`, body);
  const begun = new AbortController();
  const telling = tellWaiting(context, id, AbortSignal.any([signal, begun.signal]));
  try {
    await receive(context, id, asking, () => begun.abort());
  } catch (thrown) {
    const { outcome } = await platform.call<Request>("GET", `/requests/${id}`);
    if (!outcome?.code || signal.aborted) throw thrown;
    throw endingOf(outcome, thrown);
  } finally {
    begun.abort();
    await telling;
    if (signal.aborted) await platform.call("DELETE", `/requests/${id}`);
  }
}

async function receive<R>(
  { platform, option, json, signal }: CommandContext,
  id: string,
  { show }: Asking<R>,
  onBegun: () => void,
): Promise<void> {
  const file = option("output");
  const progress = progressLine({ clock: systemClock, json });
  let count = 0;
  const counted = (async function* () {
    const format = file === undefined ? "ndjson" : "gzip";
    for await (const chunk of platform.bytes(`/requests/${id}/answer?format=${format}`, signal)) {
      onBegun();
      count += chunk.length;
      if (file !== undefined) progress.show(() => `${bytes(count)} so far`);
      yield chunk;
    }
  })();
  const stream = ReadableStream.from(counted);
  if (file !== undefined) {
    const out = await Deno.open(file, { write: true, create: true, truncate: true });
    return await stream.pipeTo(out.writable).finally(() => progress.clear());
  }
  const lines = stream.pipeThrough(new TextDecoderStream() as never).pipeThrough(new TextLineStream());
  for await (const line of lines as ReadableStream<string>) {
    if (json) console.log(line);
    else show(JSON.parse(line) as R);
  }
}

/** Says what a request waits for, each time that this changes. */
async function tellWaiting(
  { platform, json }: CommandContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  for (let told = ""; !signal.aborted;) {
    await sleep(systemClock, LOOK_MS, signal);
    if (signal.aborted) return;
    const request = await platform.call<Request>("GET", `/requests/${id}`).catch(() => undefined);
    const words = request && WAITING[request.state]?.(request);
    if (words === undefined || words === told) continue;
    told = words;
    if (!json) console.error(dim(words));
  }
}

const WAITING: Record<string, (request: Request) => string> = {
  queued: ({ agentName, deadline }) =>
    `${printable(agentName)} is not online; it gets the request when it connects, until ${deadline}.`,
  waiting: ({ agentName, deadline }) =>
    `Somebody at ${printable(agentName)} must approve this; it waits for approval until ${deadline}.`,
};

function endingOf(
  { code, reason = "", retryAfterMs }: NonNullable<Request["outcome"]>,
  cause: unknown,
): SallyportError {
  const { remedy } = asSallyportError(cause);
  const hint = retryAfterMs === undefined ? remedy : `Try again in ${inWords(retryAfterMs)}.`;
  return new SallyportError(knownCode(code), reason, { cause, ...(hint ? { remedy: hint } : {}) });
}
