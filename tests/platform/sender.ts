import { assertEquals } from "@std/assert";
import { describe } from "../../src/protocol/attributes.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage, readJsonMessage } from "../../src/protocol/messages.ts";
import type { DataRecord } from "../../src/protocol/payloads/data.ts";
import type { RecordBatch } from "../../src/protocol/payloads/stream.ts";
import { ackSchema } from "../../src/protocol/payloads/stream.ts";
import { RUN_STARTED } from "../support/records.ts";
import type { TestIdentity, TestPlatform } from "./support.ts";
import { opampConnection, toServer } from "./support.ts";

/** The stream of its records, unless another is named. */
export const STREAM = "01890a5d-ac96-774b-bcce-b302099a8057";

/** An agent that sends records of documents, and gives how far they are stored. */
export async function sender(test: TestPlatform, agent: TestIdentity) {
  const connection = opampConnection(test, agent);
  let sequence = 1;
  await connection.send(toServer(agent.uid, sequence, { agentDescription: describe({}, {}) }));
  const { customCapabilities } = await connection.next();
  const send = async (capability: string, type: string, payload: unknown) => {
    const customMessage = jsonMessage(capability, type, payload);
    await connection.send(toServer(agent.uid, ++sequence, { customMessage }));
    return await connection.next();
  };
  return {
    capabilities: customCapabilities?.capabilities ?? [],
    send,
    /** Tells that the run began to which documents belong. */
    async began() {
      await send(CUSTOM.tracking, "batch", {
        stream: crypto.randomUUID(),
        through: 1,
        records: [{ seq: 1, record: RUN_STARTED }],
      });
    },
    async acked(records: RecordBatch<DataRecord>["records"], stream = STREAM) {
      const batch = { stream, through: records.at(-1)!.seq, records };
      const { customMessage } = await send(CUSTOM.data, "batch", batch);
      assertEquals(customMessage!.capability, CUSTOM.data);
      return readJsonMessage(customMessage!, ackSchema).through;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
