import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { utf8 } from "../../src/base/encoding.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { certificateChannel } from "../../src/channels/certificate.ts";
import type { CertificateOffer } from "../../src/identity/candidate.ts";
import { CUSTOM, SERVER_CAPABILITY } from "../../src/protocol/capabilities.ts";
import type { OpAMPConnectionSettingsSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { ConnectionSettingsStatuses, ServerToAgentSchema } from "../../src/protocol/generated/opamp_pb.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { createAuthority, issueAgentCertificate } from "../../src/trust/certificate_authority.ts";
import { readCertificate } from "../../src/trust/certificate.ts";
import { generateKeyPair } from "../../src/trust/keys.ts";

const STATUS = ConnectionSettingsStatuses;
const DAY = 86_400_000;
const UID = "01890a5d-ac96-774b-bcce-b302099a8057";
const validity = { notBefore: 0, notAfter: Date.UTC(2040, 0, 1) };
const authorityKeys = await generateKeyPair();
const ca = await createAuthority("test", authorityKeys, validity);
const authority = { certificate: ca, key: authorityKeys.privateKey };
const keys = await generateKeyPair();
const issue = (key: CryptoKeyPair, uid: string) =>
  issueAgentCertificate(authority, key.publicKey, uid, validity);
const asked = await issue(keys, UID);
const inUse = await issue(await generateKeyPair(), UID);

function underTest() {
  const offered: CertificateOffer[] = [];
  let changes = 0;
  let renewals = 0;
  let problem: string | undefined;
  let now: number | undefined;
  const channel = certificateChannel({
    authority: "platform.example.com:443",
    instanceUid: UID,
    renewer: {
      renew: () => renewals++,
      offered: (offer) => void offered.push(offer),
      isAskedFor: (fingerprint) => fingerprint === readCertificate(asked).publicKeyFingerprint,
      isInUse: (certificate) => certificate === inUse,
      get problem() {
        return problem;
      },
      validity: { notBefore: 0, notAfter: 100 * DAY },
    },
    platformNow: () => now,
    log: silentLog,
    onChange: () => changes++,
  });
  return {
    channel,
    offered,
    offer(opamp: MessageInitShape<typeof OpAMPConnectionSettingsSchema>, extra = new Uint8Array()) {
      const message = create(ServerToAgentSchema, {
        connectionSettings: { hash: new Uint8Array([1, 2]), opamp },
      });
      if (extra.length > 0) {
        const whole = new Uint8Array([...toBinary(ServerToAgentSchema, message)]);
        message.connectionSettings!.opamp = fromBinary(ServerToAgentSchema, whole).connectionSettings!.opamp!;
        message.connectionSettings!.opamp!.$unknown = [{ no: extra[0]!, wireType: 2, data: extra }];
      }
      channel.receive!(message);
      return channel.state!().connectionSettingsStatus as { status: number; errorMessage: string };
    },
    changes: () => changes,
    renewals: () => renewals,
    /** The last renewal failed. */
    fail: () => problem = "the new certificate does not connect",
    conditionsAt(day: number | undefined) {
      now = day === undefined ? undefined : day * DAY;
      return channel.conditions!().map(({ code, reason }) => [code, reason]);
    },
  };
}

const cert = utf8(asked);
const WEAK: Record<
  string,
  [MessageInitShape<typeof OpAMPConnectionSettingsSchema>, RegExp, Uint8Array<ArrayBuffer>?]
> = {
  "a private key": [{ certificate: { cert, privateKey: utf8("key") } }, /private key/],
  "another CA": [{ certificate: { cert, caCert: utf8(ca) } }, /CA/],
  "another endpoint": [{ destinationEndpoint: "wss://elsewhere.example.com/v1/opamp" }, /endpoint/],
  "the endpoint without TLS": [{ destinationEndpoint: "ws://platform.example.com:443/v1/opamp" }, /endpoint/],
  "headers": [{ headers: { headers: [{ key: "authorization", value: "x" }] } }, /headers/],
  "TLS settings": [{}, /TLS settings/, new Uint8Array([5])],
  "a proxy": [{}, /proxy/, new Uint8Array([6])],
  "a certificate for another key": [
    { certificate: { cert: utf8(await issue(await generateKeyPair(), UID)) } },
    /another key/,
  ],
  "a certificate for another identity": [
    { certificate: { cert: utf8(await issue(keys, UID.replace("0", "f"))) } },
    /identity/,
  ],
  "a CA as certificate": [{ certificate: { cert: utf8(ca) } }, /CA/],
  "something that is no certificate": [{ certificate: { cert: utf8("nonsense") } }, /cannot be read/],
  "a very long certificate": [{ certificate: { cert: utf8(asked.repeat(100)) } }, /bytes/],
};

for (const [what, [opamp, words, extra]] of Object.entries(WEAK)) {
  Deno.test(`an offer with ${what} is refused as a whole, and the platform is told why`, () => {
    const t = underTest();
    const status = t.offer({ heartbeatIntervalSeconds: 1n, ...opamp }, extra);
    assertEquals([status.status, t.offered.length, t.changes()], [
      STATUS.ConnectionSettingsStatuses_FAILED,
      0,
      1,
    ]);
    assertMatch(status.errorMessage, words);
  });
}

Deno.test("a certificate for the key and the identity that asked is taken", () => {
  const t = underTest();
  t.offer({ heartbeatIntervalSeconds: 30n, certificate: { cert } });
  assertEquals(t.offered, [{ hash: "0102", certificate: asked }]);
});

Deno.test("an offer without a certificate changes nothing but the heartbeat", () => {
  const t = underTest();
  assertEquals(t.offer({ heartbeatIntervalSeconds: 5n }).status, STATUS.ConnectionSettingsStatuses_APPLIED);
  assertEquals(t.offered, []);
});

Deno.test("the certificate in use, offered again, and the own endpoint change nothing", () => {
  const t = underTest();
  const destinationEndpoint = "wss://platform.example.com:443/v1/opamp";
  const { status } = t.offer({ destinationEndpoint, certificate: { cert: utf8(inUse) } });
  assertEquals([status, t.offered], [STATUS.ConnectionSettingsStatuses_APPLIED, []]);
});

Deno.test("only a platform that says it takes requests is asked", () => {
  const { channel } = underTest();
  assert(!channel.mayAsk);
  const say = (capabilities: bigint) => channel.receive!(create(ServerToAgentSchema, { capabilities }));
  say(SERVER_CAPABILITY.acceptsConnectionSettingsRequest);
  say(0n); // OpAMP: not set is not said
  assert(channel.mayAsk);
  say(SERVER_CAPABILITY.acceptsStatus);
  assert(!channel.mayAsk);
});

Deno.test("the platform's request for a new key begins a renewal; after a failure the same one does not hurry it", () => {
  const t = underTest();
  const request = (requestedAt: string, more = {}) =>
    t.channel.receive!(create(ServerToAgentSchema, {
      customMessage: jsonMessage(CUSTOM.certificate, "renew", { requestedAt, ...more }),
    }));
  const [first, second] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"];
  request(first);
  request(first); // a renewal that was under way may have been one of before
  assertEquals(t.renewals(), 2);
  t.fail();
  request(first);
  assertEquals(t.renewals(), 2);
  request(second);
  assertEquals(t.renewals(), 3);
  assertThrows(() => request("soon"), SallyportError, "requestedAt");
  assertThrows(() => request(second, { endpoint: "elsewhere" }), SallyportError, "endpoint");
  assertEquals(t.channel.custom, [CUSTOM.certificate]);
});

Deno.test("a certificate in the last quarter of its life is expiring, by the platform's time only", () => {
  const t = underTest();
  assertEquals([undefined, 1, 75].flatMap((day) => t.conditionsAt(day)), []);
  const [[code, reason]] = t.conditionsAt(76) as [[string, string]];
  assertEquals(code, "certificate.expiring");
  assertMatch(reason, /its end at 1970-04-11T00:00:00.000Z/);
});

Deno.test("an offer that was refused is told of until one is taken", () => {
  const t = underTest();
  t.offer({ headers: { headers: [{ key: "authorization", value: "x" }] } });
  assertEquals(t.conditionsAt(1), [["certificate.offer-refused", "it sets headers for the connection"]]);
  t.offer({ heartbeatIntervalSeconds: 5n });
  assertEquals(t.conditionsAt(1), []);
});
