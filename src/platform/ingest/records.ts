import type { ZodMiniType } from "zod/mini";
import { SallyportError } from "../../base/errors.ts";
import { MAX_BATCH_BYTES } from "../../base/limits.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessage } from "../../protocol/generated/opamp_pb.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage, readJsonMessage } from "../../protocol/messages.ts";
import { dataBatchSchema } from "../../protocol/payloads/data.ts";
import type { Ack, RecordBatch } from "../../protocol/payloads/stream.ts";
import { resumeSchema } from "../../protocol/payloads/stream.ts";
import { trackingBatchSchema } from "../../protocol/payloads/tracking.ts";
import type { Context } from "../context.ts";
import type { SettledBatch } from "../store/streams.ts";
import type { Sender } from "./intake.ts";

/** The session of an agent, as far as it sends records. */
export interface RecordSender extends Sender {
  uid: string;
  name: string;
}

type IngestContext = Pick<Context, "clock" | "store" | "events" | "intake">;

/** Stores a batch, and tells the events of what moved by it. */
type StoreBatch = (
  sender: RecordSender,
  message: CustomMessage,
  context: IngestContext,
) => Promise<SettledBatch>;

/** What becomes of the records of each capability. */
const STORES: Readonly<Record<string, StoreBatch>> = {
  async [CUSTOM.tracking]({ uid, name }, message, { clock, store, events }) {
    const batch = readBatch(message, trackingBatchSchema);
    const stored = await store.runs.ingest(uid, { batch, body: message.data }, clock.now());
    for (const run of stored.runs) events.emit("run", { ...run, agent: uid, agentName: name });
    return stored;
  },
  async [CUSTOM.data]({ uid }, message, { clock, store }) {
    return await store.documents.ingest(uid, readBatch(message, dataBatchSchema), clock.now());
  },
};

/** The capabilities of records. */
export const RECORD_CAPABILITIES: readonly string[] = Object.keys(STORES);

/**
 * Takes a message about records and gives its answer. The acknowledgement of a batch must not leave before this returns:
 * the records are stored then.
 *
 * @throws {SallyportError} `platform.protocol` naming the field that does not fit; nothing is stored then.
 */
export async function ingestRecords(
  sender: RecordSender,
  message: CustomMessage,
  context: IngestContext,
): Promise<CustomMessageInit> {
  const { capability, type } = message;
  const store = STORES[capability];
  if (!store) {
    throw new SallyportError("platform.protocol", `the capability "${capability}" is unknown here`);
  }
  const ack = type === "batch"
    ? await storeBatch(store, sender, message, context)
    : type === "resume"
    ? await resume(sender, message, context)
    : undefined;
  if (!ack) throw invalid(message, `the type "${type}" is unknown; "batch" and "resume" are understood`);
  return jsonMessage(capability, "ack", ack);
}

async function resume(
  sender: RecordSender,
  message: CustomMessage,
  { store, intake }: IngestContext,
): Promise<Ack> {
  const { stream } = readJsonMessage(message, resumeSchema);
  return {
    stream,
    through: await store.streams.settled(sender.uid, stream),
    credit: intake.creditFor(sender),
  };
}

async function storeBatch(
  store: StoreBatch,
  sender: RecordSender,
  message: CustomMessage,
  context: IngestContext,
): Promise<Ack> {
  const { clock, events, intake } = context;
  const from = clock.monotonic();
  const { stream, through, gaps } = await store(sender, message, context);
  for (const { class: lost, reason, records } of gaps) {
    events.emit("gap", { agent: sender.uid, agentName: sender.name, class: lost, reason, records });
  }
  return { stream, through, credit: intake.stored(sender, message.data.length, clock.monotonic() - from) };
}

function readBatch<R>(message: CustomMessage, schema: ZodMiniType<RecordBatch<R>>): RecordBatch<R> {
  if (message.data.length > MAX_BATCH_BYTES) {
    const why = `a batch has ${message.data.length} bytes; at most ${MAX_BATCH_BYTES} are allowed`;
    throw invalid(message, why);
  }
  const batch = readJsonMessage(message, schema);
  let last = 0;
  for (const [index, { seq }] of batch.records.entries()) {
    const why = seq <= last
      ? `which does not come after ${last}`
      : seq > batch.through
      ? `which is beyond through (${batch.through})`
      : undefined;
    if (why !== undefined) throw invalid(message, `records.${index}.seq is ${seq}, ${why}`);
    last = seq;
  }
  return batch;
}

function invalid({ capability }: CustomMessage, why: string): SallyportError {
  return new SallyportError("platform.protocol", `${capability}: ${why}`);
}
