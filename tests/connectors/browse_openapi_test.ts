import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { SallyportError } from "../../src/base/errors.ts";
import { MAX_API_DESCRIPTION_BYTES } from "../../src/base/limits.ts";
import { SCHEMA_TEXTS } from "../../src/protocol/payloads/schema.ts";
import { Company } from "../support/company.ts";
import { conformance, ROW_CANARY, STRANGE_NAMES, TEXT_CANARY } from "./browse_conformance.ts";
import type { Browsed } from "./browse_conformance.ts";
import { BrowseHome, connectionOf, ofKind, thingsOf } from "./browse_support.ts";

const DEFINITION = { openapi: { file: "shop.json" } };

const object = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: "object",
  properties,
  required,
});

const SHOP = {
  openapi: "3.1.0",
  info: { title: "Shop", version: "1" },
  paths: {
    "/orders": {
      get: {
        summary: TEXT_CANARY,
        parameters: [{
          name: "state",
          in: "query",
          schema: { type: "string", enum: [TEXT_CANARY], default: TEXT_CANARY },
        }],
        responses: {
          200: {
            content: {
              "application/json": {
                schema: { type: "array", items: { $ref: "#/components/schemas/Order" } },
                example: [{ id: ROW_CANARY }],
              },
            },
          },
        },
      },
    },
    "/orders/{id}": {
      parameters: [{ $ref: "#/components/parameters/id" }],
      put: {
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: object({ note: { type: "string", examples: [ROW_CANARY] } }, ["note"]),
            },
          },
        },
        responses: { 204: { description: ROW_CANARY } },
      },
    },
  },
  components: {
    parameters: {
      id: { name: "id", in: "path", required: true, schema: { type: "integer", format: "int64" } },
    },
    schemas: {
      Order: object({
        id: { type: "integer" },
        state: { type: ["string", "null"], enum: [TEXT_CANARY], example: ROW_CANARY },
        lines: { type: "array", items: object({ price: { type: "number" } }, ["price"]) },
        parent: { $ref: "#/components/schemas/Order" },
      }, ["id", "lines"]),
      ...Object.fromEntries(STRANGE_NAMES.map((name) => [name, object({ [name]: { type: "string" } })])),
    },
  },
};

conformance("OpenAPI", (): Promise<Browsed> => {
  const home = new BrowseHome();
  home.write("shop.json", JSON.stringify(SHOP));
  return Promise.resolve({
    home,
    definition: DEFINITION,
    things: ["GET /orders", "PUT /orders/{id}", ...["Order", ...STRANGE_NAMES].sort()],
    strange: STRANGE_NAMES,
    texts: [...SCHEMA_TEXTS],
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  });
});

Deno.test("browse OpenAPI: operations, parameters, bodies, and the fields of types", async () => {
  await using home = new BrowseHome();
  home.write("shop.json", JSON.stringify(SHOP));
  const records = await home.page(DEFINITION, { pattern: "*order*" });
  assertEquals(records.slice(0, 3), [
    { kind: "operation", parent: [], name: "GET /orders" },
    {
      kind: "parameter",
      parent: ["GET /orders"],
      name: "state",
      in: "query",
      type: "string",
      required: false,
    },
    {
      kind: "parameter",
      parent: ["GET /orders"],
      name: "application/json",
      in: "response 200",
      type: "list of Order",
      required: false,
    },
  ]);
  const put = ofKind(records, "parameter").filter(({ parent }) => parent[0]!.startsWith("PUT"));
  assertEquals(put.map(({ name, in: where, type, required }) => [name, where, type, required]), [
    ["id", "path", "integer (int64)", true],
    ["application/json", "body", "object", true],
  ]);
  const fields = ofKind(records, "field").map(({ parent, path, types, optional }) =>
    `${parent[0]} ${path.join(".")}${optional ? "?" : ""} ${types[0]}`
  );
  assertEquals(fields, [
    "PUT /orders/{id} note string",
    "Order id integer",
    "Order state? string or null",
    "Order lines list of object",
    "Order lines.[].price number",
    "Order parent? Order",
  ]);
});

Deno.test("browse OpenAPI: YAML, and Swagger 2", async () => {
  await using home = new BrowseHome();
  home.write(
    "shop.json",
    `swagger: "2.0"
info: { title: Old, version: "1" }
paths:
  /a:
    get:
      parameters: [{ name: q, in: query, type: string, required: true }]
      responses: { "200": { schema: { $ref: "#/definitions/Thing" } } }
definitions:
  Thing: { type: object, properties: { id: { type: integer } } }
`,
  );
  const records = await home.page(DEFINITION);
  assertEquals(thingsOf(records), ["GET /a", "Thing"]);
  assertEquals(ofKind(records, "catalog")[0]!.product, "Swagger 2.0");
  assertEquals(ofKind(records, "parameter").map(({ name, type }) => [name, type]), [["q", "string"], [
    "*/*",
    "Thing",
  ]]);
});

Deno.test("browse OpenAPI: what is none says so, and none of its words", async () => {
  await using home = new BrowseHome();
  const huge = new Uint8Array(MAX_API_DESCRIPTION_BYTES + 1).fill(0x20);
  const bomb = `a: &a [x,x]\n${
    Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} [${i ? `*b${i - 1},*b${i - 1}` : "*a,*a"}]`).join(
      "\n",
    )
  }\n`;
  const cases: [content: string | Uint8Array, said: string][] = [
    [`<html><body>${ROW_CANARY}</body></html>`, "is not the description of an API"],
    [`{"secret": "${ROW_CANARY}"}`, "no field openapi"],
    [`{"openapi": "3.0.0", ${ROW_CANARY}`, "neither JSON nor YAML"],
    [`{"openapi": "4.0.0"}`, "no field openapi"],
    ["[1,2]", "no field openapi"],
    ["", "no field openapi"],
    [new Uint8Array([0xff, 0xfe, 0x00]), "not text in UTF-8"],
    [huge, "larger than 16 MiB"],
    [bomb, "is not the description of an API"],
  ];
  for (const [content, said] of cases) {
    home.write("shop.json", content);
    const error = await assertRejects(() => home.page(DEFINITION), SallyportError);
    assertEquals(error.code, "schema.unreadable");
    assertStringIncludes(error.message, said);
    assertEquals(`${error.message} ${error.cause}`.includes(ROW_CANARY), false);
  }
});

Deno.test("browse OpenAPI: references in a circle, to elsewhere and into nothing end", async () => {
  await using home = new BrowseHome();
  const parameters = [
    "#/components/parameters/a",
    "https://elsewhere.example/x",
    "#/nothing",
    "#/__proto__/x",
  ];
  home.write(
    "shop.json",
    JSON.stringify({
      openapi: "3.0.0",
      paths: { "/x": { get: { parameters: parameters.map(($ref) => ({ $ref })) }, post: null }, "/y": [] },
      components: {
        parameters: { a: { $ref: "#/components/parameters/b" }, b: { $ref: "#/components/parameters/a" } },
        schemas: { A: { allOf: [{ $ref: "#/components/schemas/A" }], properties: { x: 1 } }, B: 7 },
      },
    }),
  );
  const records = await home.page(DEFINITION);
  assertEquals(thingsOf(records), ["GET /x", "A"]);
  assertEquals(ofKind(records, "field").map(({ path, types }) => [path, types]), [[["x"], ["any"]]]);
});

Deno.test("browse OpenAPI: from its server, by TLS and with a token; and what a server can do wrong", async () => {
  await using home = new BrowseHome();
  const company = await Company.found("API CA");
  home.secret("ca.pem", company.root, 0o644);
  home.secret("token", "s3cret\n");
  home.secret("bad", "wrong\n");
  const { cert, key } = await company.certify(["localhost"]);
  const handler = (request: Request): Response | Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/moved") return Response.redirect("https://elsewhere.example/", 302);
    if (pathname === "/hangs") {
      return new Promise((resolve) =>
        request.signal.addEventListener("abort", () => resolve(new Response()))
      );
    }
    if (pathname === "/broken") return new Response("oops", { status: 503 });
    if (pathname === "/endless") return new Response(endless());
    const allowed = request.headers.get("authorization") === "Bearer s3cret";
    return allowed ? Response.json(SHOP) : new Response("who are you?", { status: 401 });
  };
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", cert, key, onListen() {} }, handler);
  const origin = `https://localhost:${server.addr.port}`;
  const definition = (path: string, rest: Record<string, unknown> = { token: "token" }) => ({
    openapi: { url: `${origin}${path}`, ca: "ca.pem", ...rest },
  });
  assertEquals(connectionOf(definition("/")).needs, { hosts: [`localhost:${server.addr.port}`], paths: [] });
  assertEquals(thingsOf(await home.page(definition("/api.json"))).includes("GET /orders"), true);
  const cases: [path: string, rest: Record<string, unknown> | undefined, code: string, said: string][] = [
    ["/", { token: "bad" }, "connection.refused", "401"],
    ["/moved", undefined, "connection.refused", "https://elsewhere.example/"],
    ["/broken", undefined, "connection.refused", "503"],
    ["/endless", undefined, "schema.unreadable", "larger than 16 MiB"],
    ["/", { ca: undefined }, "connection.unreachable", "ca: FILE"],
    ["/hangs", undefined, "schema.timed-out", "within 1 s"],
  ];
  for (const [path, rest, code, said] of cases) {
    const reading = home.browse(definition(path, rest), {}, { timeLimitMs: 1_000 });
    const error = await assertRejects(() => Array.fromAsync(reading), SallyportError);
    assertEquals([path, error.code], [path, code]);
    assertStringIncludes(`${error.message} ${error.remedy} ${error.cause}`, said);
    assertEquals(`${error.message} ${error.cause}`.includes("s3cret"), false);
  }
  assertThrows(
    () => connectionOf({ openapi: { url: "http://api.example/x", token: "token" } }),
    SallyportError,
    "a token would pass in clear",
  );
});

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20)),
  });
}
