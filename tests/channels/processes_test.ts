import { assertEquals, assertThrows } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import { processesChannel } from "../../src/channels/processes.ts";
import { createDeployments } from "../../src/engine/deployments.ts";
import { ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { temporaryDatabase } from "../support/home.ts";

const OFFER = create(ServerToAgentSchema, {
  remoteConfig: {
    configHash: Uint8Array.of(1),
    config: { configMap: { orders: { body: new TextEncoder().encode("process: orders") } } },
  },
});

Deno.test("an offer that could not be written down is not refused: when it comes again it is taken", () => {
  using home = temporaryDatabase();
  const deployments = createDeployments(home.db);
  const channel = processesChannel(deployments, () => {});
  home.db.exec(
    "CREATE TRIGGER full BEFORE INSERT ON engine_wanted BEGIN SELECT RAISE(FAIL, 'disk full'); END",
  );
  assertThrows(() => channel.receive!(OFFER), "disk full");
  assertEquals([deployments.status().hash, channel.conditions!()], ["", []]);
  home.db.exec("DROP TRIGGER full");
  channel.receive!(OFFER);
  assertEquals(deployments.status().hash, "01");
});
