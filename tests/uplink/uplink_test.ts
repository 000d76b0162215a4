import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Backoff } from "../../src/base/backoff.ts";
import { silentLog } from "../../src/base/log.ts";
import { CUSTOM, SERVER_FLAG } from "../../src/protocol/capabilities.ts";
import { CLOSE } from "../../src/protocol/closing.ts";
import { encodeFrame } from "../../src/protocol/codec.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import { signProof } from "../../src/trust/proof.ts";
import type { Ending } from "../../src/uplink/ending.ts";
import type { Socket, SocketListener, SocketOptions } from "../../src/uplink/socket.ts";
import { Uplink } from "../../src/uplink/uplink.ts";
import { TestClock } from "../support/clock.ts";

const HEARTBEAT_MS = 30_000;
const agentKeys = await generateKeyPair();
const platformKeys = await generateKeyPair();
const clock = new TestClock();
const certificate = await createProvisionalCertificate(agentKeys, clock.now());
const identity = {
  authority: "platform.example.com:443",
  instanceUid: "01890a5d-ac96-774b-bcce-b302099a8057",
  ca: "public",
  certificate,
  key: await privateKeyToPem(agentKeys.privateKey),
  proofKey: new Uint8Array(await crypto.subtle.exportKey("spki", platformKeys.publicKey)),
};

/** One attempt of the agent to connect, as the other end sees it. */
interface Attempt extends SocketOptions {
  sent: Uint8Array[];
  closedWith: number | undefined;
  tell: SocketListener;
}

/** An uplink whose sockets end in the test, under a clock that the test moves. */
function underTest(options: { proofKey?: undefined } = {}) {
  const time = new TestClock();
  const attempts: Attempt[] = [];
  const events: string[] = [];
  const endings: Ending[] = [];
  const offsets: number[] = [];
  const uplink = new Uplink({
    identity: { ...identity, ...("proofKey" in options ? { proofKey: undefined } : {}) },
    capabilities: 1n,
    clock: time,
    log: silentLog,
    backoff: new Backoff({ baseMs: 1_000, capMs: 8_000, random: () => 0.999 }),
    heartbeatMs: HEARTBEAT_MS,
    open(socketOptions) {
      const attempt: Attempt = {
        ...socketOptions,
        sent: [],
        closedWith: undefined,
        tell: { message() {}, closed() {} },
      };
      attempts.push(attempt);
      const socket: Socket = {
        transport: "websocket",
        proved() {},
        listen: (listener) => attempt.tell = listener,
        send: (frame) => attempt.sent.push(frame),
        close(code, reason) {
          if (attempt.closedWith !== undefined) return;
          attempt.closedWith = code;
          attempt.tell.closed({ code, reason });
        },
      };
      return Promise.resolve(socket);
    },
    whyRefused: (offer) => offer.opamp?.destinationEndpoint ? "it moves the connection" : undefined,
    listener: {
      proved: (clockOffsetMs) => offsets.push(clockOffsetMs),
      greet() {
        events.push("greet");
        uplink.send(encodeFrame(AgentToServerSchema, uplink.compose({})));
      },
      ready: () => events.push("ready"),
      heartbeat() {
        events.push("heartbeat");
        uplink.send(encodeFrame(AgentToServerSchema, uplink.compose({})));
      },
      message: () => events.push("message"),
      farewell: () => events.push("farewell"),
      closed: (ending) => endings.push(ending),
    },
  });
  const stop = new AbortController();
  const done = uplink.run(stop.signal);
  const say = async (attempt: Attempt, message: MessageInitShape<typeof ServerToAgentSchema>) => {
    attempt.tell.message(encodeFrame(ServerToAgentSchema, create(ServerToAgentSchema, message)));
    await time.advance(0);
  };
  return {
    time,
    uplink,
    attempts,
    events,
    endings,
    offsets,
    say,
    async prove(attempt: Attempt, keys = platformKeys, platformTime = 1) {
      const clientFingerprint = readCertificate(certificate).fingerprint;
      const subject = {
        authority: identity.authority,
        challenge: attempt.challenge!,
        clientFingerprint,
        time: platformTime,
      };
      const signature = await signProof(keys.privateKey, subject);
      await say(attempt, {
        customMessage: jsonMessage(CUSTOM.proof, "proof", { protocol: 1, time: platformTime, signature }),
      });
      // The check of a signature takes real time, which no test clock can move.
      while (attempt.sent.length === 0 && attempt.closedWith === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await time.advance(60_000);
      await done;
    },
  };
}

Deno.test("nothing is sent before the platform is proved; then everything that it should know", async () => {
  await using t = underTest();
  await t.time.advance(0);
  const [first] = t.attempts;
  assertEquals([first!.challenge?.length, first!.sent.length], [43, 0]);
  await t.prove(first!);
  assertEquals([t.events, first!.sent.length], [["greet"], 1]);
  await t.say(first!, {});
  assertEquals(t.events, ["greet", "ready", "message"]);
});

Deno.test("the proof tells how far the clock is off, half of the wait for it counted; a refusal for the time says so", async () => {
  await using t = underTest();
  await t.time.advance(0);
  await t.time.advance(4_000);
  const hours = 3_600_000;
  await t.prove(t.attempts[0]!, platformKeys, t.time.now() - 2_000 - 23 * hours);
  assertEquals(t.offsets, [-23 * hours]);
  const expired = "the client certificate expired at 2026-01-01T00:00:00.000Z";
  await t.say(t.attempts[0]!, { errorResponse: { errorMessage: expired } });
  t.attempts[0]!.tell.closed({ code: CLOSE.expired, reason: "" });
  await t.time.advance(0);
  const { message, remedy } = t.endings[0]!.error;
  assertEquals(
    message,
    `the platform ended the session: ${expired}; this machine's clock is 23 hours ahead of the platform's`,
  );
  assert(remedy?.startsWith("Set this machine's clock"), remedy);
});

Deno.test("whoever proves another key gets nothing, and the next try has another challenge", async () => {
  await using t = underTest();
  await t.time.advance(0);
  await t.prove(t.attempts[0]!, agentKeys);
  assertEquals([t.attempts[0]!.sent, t.endings[0]?.error.code], [[], "platform.not-proved"]);
  await t.time.advance(1_000);
  assertEquals(t.attempts.length, 2);
  assert(t.attempts[0]!.challenge !== t.attempts[1]!.challenge);
});

Deno.test("a first message that is no proof is not served, and a refusal in its place is quoted", async () => {
  const refusal = create(ServerToAgentSchema, { errorResponse: { errorMessage: "show a certificate" } });
  const config = create(ServerToAgentSchema, { remoteConfig: { configHash: new Uint8Array(32) } });
  for (
    const [frame, words] of [
      [encodeFrame(ServerToAgentSchema, config), "is not a proof"],
      [encodeFrame(ServerToAgentSchema, refusal), 'it refuses, without a proof: "show a certificate"'],
      [new TextEncoder().encode("<html>"), "cannot be read"],
    ] as const
  ) {
    await using t = underTest();
    await t.time.advance(0);
    t.attempts[0]!.tell.message(frame);
    await t.time.advance(0);
    assertEquals([t.events, t.endings[0]?.error.code], [[], "platform.not-proved"]);
    assertStringIncludes(t.endings[0]!.error.message, words);
  }
});

Deno.test("a plain OpAMP server, which knows no proof, is greeted at once and gets no challenge", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  assertEquals([t.attempts[0]!.challenge, t.attempts[0]!.sent.length], [undefined, 1]);
});

Deno.test("a heartbeat goes out each interval, and silence of two intervals ends the connection", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  await t.say(t.attempts[0]!, {});
  await t.time.advance(HEARTBEAT_MS);
  assertEquals(t.events.filter((event) => event === "heartbeat").length, 1);
  await t.time.advance(2 * HEARTBEAT_MS);
  assertEquals(t.endings[0]?.error.code, "platform.unreachable");
  assert(t.endings[0]!.error.message.includes("60 s"));
});

Deno.test("the platform's interval counts, and its wish for the full state is met", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  await t.say(t.attempts[0]!, { connectionSettings: { opamp: { heartbeatIntervalSeconds: 5n } } });
  await t.time.advance(5_000);
  assertEquals(t.events.at(-1), "heartbeat");
  await t.say(t.attempts[0]!, { flags: SERVER_FLAG.reportFullState });
  assertEquals(t.events.filter((event) => event === "greet").length, 2);
});

Deno.test("a refusal is waited out as long as the platform asks, and its reason is kept", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  const errorResponse = {
    errorMessage: "come back later",
    Details: { case: "retryInfo" as const, value: { retryAfterNanoseconds: 20_000_000_000n } },
  };
  await t.say(t.attempts[0]!, { errorResponse });
  t.attempts[0]!.tell.closed({ code: CLOSE.tooMany, reason: "" });
  await t.time.advance(19_000);
  assertEquals(t.attempts.length, 1);
  assert(t.endings[0]!.error.message.includes("come back later"));
  await t.time.advance(2_000);
  assertEquals(t.attempts.length, 2);
});

Deno.test("a short session does not reset the backoff, one that lasted does", async () => {
  await using t = underTest({ proofKey: undefined });
  const waits: number[] = [];
  const breakNow = async () => {
    const before = t.attempts.length;
    t.attempts.at(-1)!.tell.closed({ code: 1006, reason: "" });
    const from = t.time.monotonic();
    while (t.attempts.length === before) await t.time.advance(100);
    waits.push(Math.round((t.time.monotonic() - from) / 1_000));
  };
  await t.time.advance(0);
  for (let i = 0; i < 3; i++) await breakNow();
  const last = t.attempts.at(-1)!;
  for (let i = 0; i < 3; i++) {
    await t.say(last, {});
    await t.time.advance(HEARTBEAT_MS - 1);
  }
  await breakNow();
  assertEquals(waits, [1, 2, 4, 1]);
});

Deno.test("a stop says goodbye and waits until it has left", async () => {
  const t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  await t.say(t.attempts[0]!, {});
  await t[Symbol.asyncDispose]();
  assertEquals([t.events.at(-1), t.attempts[0]!.closedWith], ["farewell", CLOSE.normal]);
});

Deno.test("a refusal is no answer that makes a connection ready", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  await t.say(t.attempts[0]!, { errorResponse: { errorMessage: "the certificate was retired" } });
  t.attempts[0]!.tell.closed({ code: CLOSE.retired, reason: "" });
  await t.time.advance(0);
  assertEquals([t.events, t.endings[0]?.error.code], [["greet"], "platform.refused"]);
});

Deno.test("of an offer that is refused not even the heartbeat counts", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  const opamp = { heartbeatIntervalSeconds: 1n, destinationEndpoint: "wss://elsewhere.example.com" };
  await t.say(t.attempts[0]!, { connectionSettings: { opamp } });
  await t.time.advance(HEARTBEAT_MS - 1);
  assertEquals(t.events.includes("heartbeat"), false);
});

Deno.test("another identity is used at once where a connection stands, and soon where a long wait goes on", async () => {
  await using t = underTest({ proofKey: undefined });
  await t.time.advance(0);
  await t.say(t.attempts[0]!, {});
  t.uplink.reconnectAs({ ...identity, proofKey: undefined, key: "the other key" });
  await t.time.advance(0);
  assertEquals(t.attempts.map(({ key }) => key), [identity.key, "the other key"]);
  assertEquals([t.attempts[0]!.closedWith, t.endings[0]?.planned], [CLOSE.returning, true]);

  t.attempts[1]!.tell.closed({ code: CLOSE.retired, reason: "" }); // to be waited out for a minute
  await t.time.advance(10);
  t.uplink.reconnectAs({ ...identity, proofKey: undefined, key: "a third" });
  await t.time.advance(2_000);
  assertEquals(t.attempts.at(-1)!.key, "a third");
});
