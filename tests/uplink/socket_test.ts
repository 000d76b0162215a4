import { assertRejects } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { webSocketOpener } from "../../src/uplink/socket.ts";
import { TestClock } from "../support/clock.ts";
import { eventually } from "../support/fleet.ts";
import { Relay } from "../support/relay.ts";

/** An address where every connection is taken and nobody answers, and an attempt to connect there. */
async function silentServer() {
  const relay = await Relay.start(0);
  relay.fault = "silence";
  const [clock, keys, stopping] = [new TestClock(), await generateKeyPair(), new AbortController()];
  const certificate = await createProvisionalCertificate(keys, clock.now());
  const key = await privateKeyToPem(keys.privateKey);
  const options = { authority: relay.authority, path: "/v1/opamp", ca: "public", certificate, key } as const;
  const attempt = webSocketOpener(clock)({ ...options, challenge: undefined }, stopping.signal);
  await eventually(() => relay.connections, (connections) => connections === 1);
  return { relay, clock, attempt, stop: () => stopping.abort() };
}

Deno.test({
  name: "an attempt that comes to nothing in time, or is called off, leaves nothing open",
  sanitizeResources: true,
}, async () => {
  for (const how of ["in time", "called off"]) {
    const { relay, clock, attempt, stop } = await silentServer();
    const failing = assertRejects(() => attempt, SallyportError);
    // First the attempt itself, then the question why it came to nothing.
    if (how === "in time") await clock.advance(25_000);
    else stop();
    await failing;
    await eventually(() => relay.connections, (connections) => connections === 0);
    await relay[Symbol.asyncDispose]();
  }
});
