import { SallyportError } from "../../base/errors.ts";
import { MAX_BATCH_BYTES } from "../../base/limits.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessage } from "../../protocol/generated/opamp_pb.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage, readJsonMessage } from "../../protocol/messages.ts";
import type { TrackingAck, TrackingBatch } from "../../protocol/payloads/tracking.ts";
import { trackingBatchSchema } from "../../protocol/payloads/tracking.ts";
import type { Context } from "../context.ts";

/**
 * Stores a batch of tracking records and gives its acknowledgement, which must not leave before this returns; or
 * says up to where that could be done, when another spool has used the numbers behind it.
 *
 * @throws {SallyportError} `platform.protocol` naming the field that does not fit; nothing is stored then.
 */
export async function ingestTracking(
  { uid: agent, name: agentName }: { uid: string; name: string },
  message: CustomMessage,
  { clock, store, events, log }: Pick<Context, "clock" | "store" | "events" | "log">,
): Promise<CustomMessageInit> {
  if (message.type !== "batch") {
    throw invalid(`the type "${message.type}" is unknown; only "batch" is understood`);
  }
  if (message.data.length > MAX_BATCH_BYTES) {
    throw invalid(`a batch has ${message.data.length} bytes; at most ${MAX_BATCH_BYTES} are allowed`);
  }
  const batch = readJsonMessage(message, trackingBatchSchema);
  checkOrder(batch);
  const { through, conflict, runs } = await store.runs.ingest(agent, batch, clock.now());
  for (const run of runs) events.emit("run", { ...run, agent, agentName });
  const ack: TrackingAck = { stream: batch.stream, through };
  if (!conflict) return jsonMessage(CUSTOM.tracking, "ack", ack);
  log.warn("another home has used the numbers of these records: one of the two is a copy, or was restored", {
    agent,
    name: agentName,
    ...ack,
  });
  return jsonMessage(CUSTOM.tracking, "conflict", ack);
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
