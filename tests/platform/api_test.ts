import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256Hex } from "../../src/base/digest.ts";
import { MAX_API_BODY_BYTES, MAX_PROCESS_BYTES } from "../../src/base/limits.ts";
import { describe } from "../../src/protocol/attributes.ts";
import { enrolledAgent, opampConnection, testPlatform, toServer } from "./support.ts";

interface Failure {
  error: { code: string; message: string; remedy: string };
}

const ROUTES = [
  ["GET", "/summary"],
  ["GET", "/activity"],
  ["GET", "/agents"],
  ["GET", "/agents/01890a5d-ac96-774b-bcce-b302099a8057"],
  ["POST", "/agents/01890a5d-ac96-774b-bcce-b302099a8057/revoke"],
  ["POST", "/agents/01890a5d-ac96-774b-bcce-b302099a8057/rotate-key"],
  ["POST", "/agents/01890a5d-ac96-774b-bcce-b302099a8057/approve-recovery"],
  ["POST", "/enrolments"],
  ["GET", "/processes"],
  ["PUT", "/processes/orders"],
  ["GET", "/processes/orders"],
  ["DELETE", "/processes/orders"],
  ["GET", "/runs"],
  ["GET", "/runs/01890a5d-ac96-774b-bcce-b302099a8057"],
  ["GET", "/gaps"],
  ["GET", "/events"],
  ["GET", "/audit"],
] as const;

Deno.test("nothing but health is to be had without a token", async () => {
  await using test = await testPlatform();
  for (const [method, path] of ROUTES) {
    for (const authorization of ["", "Bearer ", `Bearer ${"x".repeat(43)}`, `Basic ${test.token}`]) {
      const headers = authorization ? { authorization } : undefined;
      const url = `${test.platform.url}/api/v1${path}`;
      const response = await fetch(url, { method, client: test.client, ...(headers ? { headers } : {}) });
      assertEquals([response.status, response.headers.get("www-authenticate")], [401, "Bearer"], path);
      const { error } = await response.json() as Failure;
      assertEquals(error.code, "request.unauthorised");
      assert(error.remedy.length > 0);
    }
  }
  const health = await fetch(`${test.platform.url}/api/v1/health`, { client: test.client });
  assertEquals(await health.json(), { status: "ok", protocol: 1 });
});

Deno.test("the first token is shown once and stored only as a hash", async () => {
  await using test = await testPlatform();
  await test.restart();
  assertEquals(test.platform.firstToken, undefined);
  assertEquals((await test.api("GET", "/summary")).status, 200);
  for await (const { name } of Deno.readDir(test.dataDir)) {
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(join(test.dataDir, name)));
    assert(!bytes.includes(test.token), `${name} holds the token`);
  }
  assertEquals(sha256Hex(test.token).length, 64);
});

Deno.test("what a request has wrong is named", async () => {
  await using test = await testPlatform();
  const uid = "01890a5d-ac96-774b-bcce-b302099a8057";
  for (
    const [method, path, body, status, words] of [
      ["GET", "/runs?limit=0", undefined, 400, "limit"],
      ["GET", "/runs?outcome=fine", undefined, 400, "outcome"],
      ["GET", "/agents/none", undefined, 400, "id"],
      ["GET", `/agents/${uid}`, undefined, 404, uid],
      ["POST", `/agents/${uid}/revoke`, undefined, 404, uid],
      ["GET", "/processes/none", undefined, 404, "none"],
      ["DELETE", "/processes/none", undefined, 404, "none"],
      ["GET", `/runs/${uid}`, undefined, 404, uid],
      ["GET", "/nowhere", undefined, 404, "/api/v1/nowhere"],
      ["POST", "/enrolments", { expiresInMinutes: 0 }, 400, "expiresInMinutes"],
      ["POST", "/enrolments", { colour: "red" }, 400, "colour"],
      ["POST", "/enrolments", { platform: "elsewhere:443" }, 400, "elsewhere:443"],
      ["PUT", "/processes/a%2Fb", { definition: "a: 1" }, 400, "name"],
      ["PUT", "/processes/orders", { definition: "a: [1" }, 422, "YAML"],
      ["PUT", "/processes/orders", { definition: "name: other" }, 422, "other"],
      ["PUT", "/processes/orders", { definition: "a: 1", agents: [uid] }, 400, uid],
      ["PUT", "/processes/orders", { definition: "#".repeat(MAX_PROCESS_BYTES + 1) }, 422, "bytes"],
      ["PUT", "/processes/orders", { definition: "#".repeat(MAX_API_BODY_BYTES) }, 413, "bytes"],
    ] as const
  ) {
    const answer = await test.api(method, path, body);
    assertEquals(answer.status, status, `${method} ${path}`);
    const { error } = answer.body as Failure;
    assertStringIncludes(error.message, words);
    assert(error.remedy.length > 0);
  }
  const broken = await fetch(`${test.platform.url}/api/v1/enrolments`, {
    method: "POST",
    client: test.client,
    headers: { authorization: `Bearer ${test.token}`, "content-type": "application/json" },
    body: "{not json",
  });
  assertEquals([broken.status, (await broken.json() as Failure).error.code], [400, "request.invalid"]);
});

Deno.test("publishing keeps every version, and the same text makes no new one", async () => {
  await using test = await testPlatform();
  const publish = async (definition: string) =>
    (await test.api("PUT", "/processes/orders", { definition })).body as {
      version: number;
      created: boolean;
    };
  assertMatch(JSON.stringify(await publish("name: orders\n")), /"version":1.*"created":true/);
  assertMatch(JSON.stringify(await publish("name: orders\n")), /"version":1.*"created":false/);
  assertMatch(JSON.stringify(await publish("name: orders\nb: 1\n")), /"version":2.*"created":true/);
  await test.api("DELETE", "/processes/orders");
  assertEquals((await test.api("GET", "/processes/orders")).status, 404);
  assertMatch(JSON.stringify(await publish("name: orders\nb: 1\n")), /"version":2/);
  await test.restart();
  const detail = (await test.api("GET", "/processes/orders")).body as {
    definition: string;
    versions: { version: number; publishedBy: string }[];
  };
  assertEquals(detail.definition, "name: orders\nb: 1\n");
  assertEquals(detail.versions.map(({ version, publishedBy }) => [version, publishedBy]), [
    [2, "first token"],
    [1, "first token"],
  ]);
});

Deno.test("the audit tells who changed what", async () => {
  await using test = await testPlatform();
  const agent = await enrolledAgent(test, "till 7");
  await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
  await test.api("POST", `/agents/${agent.uid}/revoke`);
  await test.api("DELETE", "/processes/orders");
  const { entries } = (await test.api("GET", "/audit")).body as { entries: Record<string, string>[] };
  assertEquals(entries.map(({ who, action, subject }) => `${who}: ${action} ${subject}`), [
    "first token: process.remove orders",
    `first token: agent.revoke ${agent.uid}`,
    "first token: process.publish orders 1",
    "first token: enrolment.create till 7",
  ]);
});

Deno.test("an agent's processes always fit into one message together, a future agent's too", async () => {
  await using test = await testPlatform();
  const definition = "#".repeat(MAX_PROCESS_BYTES - 10);
  const statuses: number[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    statuses.push((await test.api("PUT", `/processes/${name}`, { definition })).status);
  }
  assertEquals(statuses, [200, 200, 200, 422]);
});

Deno.test("events tell of agents, publications and process states", async () => {
  await using test = await testPlatform();
  const response = await fetch(`${test.platform.url}/api/v1/events`, {
    client: test.client,
    headers: { authorization: `Bearer ${test.token}` },
  });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  const until = async (words: string) => {
    while (!seen.includes(words)) seen += (await reader.read()).value ?? "";
  };
  const agent = await enrolledAgent(test);
  {
    await using connection = opampConnection(test, agent);
    await connection.send(toServer(agent.uid, 1, { agentDescription: describe({}, {}) }));
    await connection.next();
    await until('"state":"online"');
    await test.api("PUT", "/processes/orders", { definition: "name: orders\n" });
    await until("event: published");
    await until('"state":"pending"');
  }
  await until('"reason":"connection lost"');
  await reader.cancel();
});

Deno.test("a platform that stops ends the streams of those who still watch", async () => {
  const test = await testPlatform();
  const response = await fetch(`${test.platform.url}/api/v1/events`, {
    client: test.client,
    headers: { authorization: `Bearer ${test.token}` },
  });
  const reader = response.body!.getReader();
  await reader.read();
  await test.platform.close();
  await reader.read().then(() => reader.cancel(), () => {});
  test.client.close();
  await Deno.remove(test.dataDir, { recursive: true });
});

Deno.test("the OpenAPI document describes every route and refers only to what it holds", async () => {
  await using test = await testPlatform();
  const response = await fetch(`${test.platform.url}/api/openapi.json`, { client: test.client });
  const text = await response.text();
  const document = JSON.parse(text);
  assertEquals(document.openapi, "3.1.0");
  for (const [method, path] of ROUTES) {
    const template = `/api/v1${path}`.replace(/[0-9a-f-]{36}/, "{id}").replace("orders", "{name}");
    const route = document.paths[template]?.[method.toLowerCase()];
    assert(route, `${method} ${template}`);
    assert(route.summary.length > 0);
    assertEquals(Object.keys(route.responses).includes("401"), true, template);
  }
  for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = pointer!.split("/").reduce((at, key) => at?.[key], document);
    assert(target, pointer);
  }
});
