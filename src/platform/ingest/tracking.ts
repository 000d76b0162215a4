import { SallyportError } from "../../base/errors.ts";
import { MAX_BATCH_BYTES } from "../../base/limits.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessage } from "../../protocol/generated/opamp_pb.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage, readJsonMessage } from "../../protocol/messages.ts";
import type { TrackingAck, TrackingBatch } from "../../protocol/payloads/tracking.ts";
import { trackingBatchSchema, trackingResumeSchema } from "../../protocol/payloads/tracking.ts";
import type { Context } from "../context.ts";
import type { Sender } from "./intake.ts";

/** The session of an agent, as far as it sends records. */
export interface TrackingSender extends Sender {
  uid: string;
  name: string;
}

/**
 * Takes a message about tracking records and gives its answer. The acknowledgement of a batch must not leave before
 * this returns: the records are stored then.
 *
 * @throws {SallyportError} `platform.protocol` naming the field that does not fit; nothing is stored then.
 */
export async function ingestTracking(
  sender: TrackingSender,
  message: CustomMessage,
  context: Pick<Context, "clock" | "store" | "events" | "intake">,
): Promise<CustomMessageInit> {
  const ack = message.type === "batch"
    ? await storeBatch(sender, message, context)
    : message.type === "resume"
    ? await resume(sender, message, context)
    : undefined;
  if (!ack) throw invalid(`the type "${message.type}" is unknown; "batch" and "resume" are understood`);
  return jsonMessage(CUSTOM.tracking, "ack", ack);
}

async function resume(
  sender: TrackingSender,
  message: CustomMessage,
  { store, intake }: Pick<Context, "store" | "intake">,
): Promise<TrackingAck> {
  const { stream } = readJsonMessage(message, trackingResumeSchema);
  return { stream, through: await store.runs.settled(sender.uid, stream), credit: intake.creditFor(sender) };
}

async function storeBatch(
  sender: TrackingSender,
  message: CustomMessage,
  { clock, store, events, intake }: Pick<Context, "clock" | "store" | "events" | "intake">,
): Promise<TrackingAck> {
  if (message.data.length > MAX_BATCH_BYTES) {
    throw invalid(`a batch has ${message.data.length} bytes; at most ${MAX_BATCH_BYTES} are allowed`);
  }
  const from = clock.monotonic();
  const batch = readJsonMessage(message, trackingBatchSchema);
  checkOrder(batch);
  const { uid: agent, name: agentName } = sender;
  const { through, runs, gaps } = await store.runs.ingest(agent, { batch, body: message.data }, clock.now());
  for (const run of runs) events.emit("run", { ...run, agent, agentName });
  for (const { class: lost, reason, records } of gaps) {
    events.emit("gap", { agent, agentName, class: lost, reason, records });
  }
  const credit = intake.stored(sender, message.data.length, clock.monotonic() - from);
  return { stream: batch.stream, through, credit };
}

function checkOrder({ records, through }: TrackingBatch): void {
  let last = 0;
  for (const [index, { seq }] of records.entries()) {
    if (seq <= last) throw invalid(`records.${index}.seq is ${seq}, which does not come after ${last}`);
    if (seq > through) throw invalid(`records.${index}.seq is ${seq}, which is beyond through (${through})`);
    last = seq;
  }
}

function invalid(why: string): SallyportError {
  return new SallyportError("platform.protocol", `${CUSTOM.tracking}: ${why}`);
}
