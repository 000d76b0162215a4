import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { systemClock } from "../../src/base/clock.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { randomToken } from "../../src/base/ids.ts";
import { MAX_MESSAGE_BYTES } from "../../src/base/limits.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { PLAIN_TYPE, SEALED_TYPE } from "../../src/protocol/polling.ts";
import { createAuthority, issueServerCertificate } from "../../src/trust/certificate_authority.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { generateSealingKeys } from "../../src/trust/sealing.ts";
import { endingOf, endingOfClose } from "../../src/uplink/ending.ts";
import { pollingOpener } from "../../src/uplink/polling.ts";
import type { Socket, SocketClosed, SocketOptions } from "../../src/uplink/socket.ts";
import { noOperatorCas } from "../../src/uplink/tls_client.ts";
import { toBase64Url } from "../../src/base/encoding.ts";

const now = systemClock.now();
const validity = { notBefore: now - 3_600_000, notAfter: now + 3_600_000 };
const [rootKeys, serverKeys, agentKeys] = [
  await generateKeyPair(),
  await generateKeyPair(),
  await generateKeyPair(),
];
const ca = await createAuthority("CA of the test", rootKeys, validity);
const cert = await issueServerCertificate(
  { certificate: ca, key: rootKeys.privateKey },
  serverKeys.publicKey,
  ["127.0.0.1"],
  validity,
);
const serverKey = await privateKeyToPem(serverKeys.privateKey);
const identity = {
  ca,
  certificate: await createProvisionalCertificate(agentKeys, now),
  key: await privateKeyToPem(agentKeys.privateKey),
};
const frame = encodeFrame(AgentToServerSchema, create(AgentToServerSchema, { sequenceNum: 1n }));

/** A real HTTPS server that answers as the test says. */
async function serving(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const server = createServer({ cert, key: serverKey }, (request, response) => {
    request.resume();
    request.on("end", () => answer(response, request));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const options: SocketOptions = {
    ...identity,
    authority: `127.0.0.1:${(server.address() as { port: number }).port}`,
    path: "/v1/opamp",
    challenge: undefined,
  };
  return {
    open: (changes: Partial<SocketOptions> = {}) =>
      pollingOpener(systemClock, noOperatorCas)({ ...options, ...changes }, new AbortController().signal),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What a socket said until it closed. */
function followed(socket: Socket): { messages: Uint8Array[]; closed: Promise<SocketClosed> } {
  const messages: Uint8Array[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<SocketClosed>();
  socket.listen({ message: (each) => messages.push(each), closed: resolve });
  return { messages, closed };
}

Deno.test("messages are posted one after another, in their order, and each answer is a message", async () => {
  let inFlight = 0;
  let most = 0;
  await using server = await serving((response, request) => {
    assertEquals([request.method, request.headers["content-type"]], ["POST", PLAIN_TYPE]);
    most = Math.max(most, ++inFlight);
    setTimeout(() => {
      inFlight--;
      response.writeHead(200, { "content-type": PLAIN_TYPE }).end(new Uint8Array([1, 2]));
    }, 5);
  });
  const socket = await server.open();
  const { messages, closed } = followed(socket);
  for (let i = 0; i < 3; i++) socket.send(frame);
  socket.close(CLOSE.normal, "done"); // what was sent before still leaves
  assertEquals(await closed, { code: CLOSE.normal, reason: "done" });
  assertEquals([messages.length, most, messages[0]], [3, 1, new Uint8Array([0, 1, 2])]);
});

Deno.test("what a server answers in the place of a message ends the connection, with its words", async () => {
  const html = "<html><body><h1>Blocked</h1>\u001b[31m by policy</body></html>";
  const cases: [(response: ServerResponse) => void, string][] = [
    [(response) => response.writeHead(403).end(html), "the server answered 403: Blocked [31m by policy"],
    [(response) => response.writeHead(302, { location: "https://elsewhere.example.com" }).end(), "302"],
    [(response) => response.writeHead(200, { "content-type": "text/html" }).end(html), "not OpAMP"],
    [
      (response) =>
        response.writeHead(200, { "content-type": PLAIN_TYPE }).end(new Uint8Array(2 * MAX_MESSAGE_BYTES)),
      "more than",
    ],
    [(response) => response.writeHead(502, { via: "1.1 box" }).end(), 'answered through "1.1 box" 502'],
    [(response) => response.destroy(), "cannot be reached"],
  ];
  for (const [answer, words] of cases) {
    await using server = await serving(answer);
    const socket = await server.open();
    const { closed, messages } = followed(socket);
    socket.send(frame);
    const { code, reason } = await closed;
    assertEquals([code, messages], [1006, []]);
    assertStringIncludes(reason, words);
    assert(!/\p{Cc}/u.test(reason), "control characters of somebody else's page");
  }
});

Deno.test("Retry-After is the least wait, in the middle of a connection and at its beginning", async () => {
  await using server = await serving((response) =>
    response.writeHead(503, { "retry-after": "7" }).end("busy")
  );
  const socket = await server.open();
  const { closed } = followed(socket);
  socket.send(frame);
  assertEquals(endingOfClose(await closed).minimumWaitMs, 7_000);
  const error = await assertRejects(
    () => server.open({ challenge: randomToken() }),
    SallyportError,
    "503: busy",
  );
  assertEquals([error.code, endingOf(error).minimumWaitMs], ["platform.unreachable", 7_000]);
});

Deno.test("an answer that is not sealed for the message is not believed", async () => {
  await using server = await serving((response, request) => {
    const type = request.headers["content-type"] === SEALED_TYPE ? SEALED_TYPE : PLAIN_TYPE;
    response.writeHead(200, { "content-type": type }).end(new Uint8Array(64));
  });
  const socket = await server.open({ challenge: randomToken() });
  const { closed, messages } = followed(socket);
  assertEquals(messages.length, 1, "what should be the proof is for the uplink to judge");
  const { publicKey } = await generateSealingKeys();
  socket.proved({ protocol: 1, time: now, signature: "", sealingKey: toBase64Url(publicKey) });
  socket.send(frame);
  assertStringIncludes((await closed).reason, "not sealed for this message");
  assertEquals(messages.length, 1);
});

Deno.test("a proof without a sealing key is none for polling", async () => {
  await using server = await serving((response) =>
    response.writeHead(200, { "content-type": PLAIN_TYPE }).end()
  );
  const socket = await server.open({ challenge: randomToken() });
  const proof = { protocol: 1, time: now, signature: "" };
  const error = assertRejects(() => Promise.resolve().then(() => socket.proved(proof)), SallyportError);
  assertEquals((await error).code, "platform.not-proved");
  socket.close(CLOSE.normal, "");
});
