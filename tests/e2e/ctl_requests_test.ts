import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/base/exit_codes.ts";
import { runCtl } from "../support/ctl.ts";
import type { RequestView } from "../support/fleet.ts";
import { COPY_PROCESS, eventually, Fleet } from "../support/fleet.ts";

Deno.test("sallyportctl asks for logs, errors and a schema, and tells how each request ended", async () => {
  await using fleet = await Fleet.start();
  await fleet.enrol();
  await Deno.writeTextFile(`${fleet.home}/policy.yaml`, "errors: { send: ask }\n");
  await Deno.writeTextFile(
    `${fleet.home}/connections.yaml`,
    "connections: { orders: { disk: { path: done } } }\n",
  );
  await fleet.startAgent().connected();
  await fleet.api.publish("copy", COPY_PROCESS);
  await fleet.drop("data/in/a.csv", "id,amount\n1,2\n2,canary\n");
  const [run] = await eventually(
    () => fleet.runViews(),
    ([run]) => run !== undefined && run.outcome !== "running",
  );
  const ctl = (...words: string[]) => runCtl(fleet, words);

  const logs = await ctl("logs", run!.id, "--reason", "why");
  assertEquals(logs.code, EXIT.ok, logs.stderr);
  for (const text of ["steps[0].map", "run ended", "partial"]) assertStringIncludes(logs.stdout, text);
  const lines = (await ctl("logs", run!.id, "--json", "--level", "warning")).stdout.trimEnd().split("\n");
  assert(lines.map((line) => JSON.parse(line)).some(({ kind }) => kind === "summary"));

  const file = `${fleet.home}/log.gz`;
  assertEquals((await ctl("logs", run!.id, "--output", file)).code, EXIT.ok);
  const { stdout } = await new Deno.Command("gunzip", { args: ["-c", file] }).output();
  assertStringIncludes(new TextDecoder().decode(stdout), '"kind":"summary"');

  const errors = ctl("errors", run!.id);
  const waiting = await eventually(
    () => fleet.api.get<{ requests: RequestView[] }>("/requests?state=waiting"),
    ({ requests }) => requests.length > 0,
  );
  assertEquals((await fleet.run(["requests", "approve", waiting.requests[0]!.id])).code, EXIT.ok);
  assertStringIncludes((await errors).stdout, "a.csv, row 2 (line 3)");

  const denied = ctl("errors", run!.id);
  const more = await eventually(
    () => fleet.api.get<{ requests: RequestView[] }>("/requests?state=waiting"),
    ({ requests }) => requests.length > 0,
  );
  await fleet.run(["requests", "deny", more.requests[0]!.id, "--reason", "not today"]);
  const refusal = await denied;
  assertEquals(refusal.code, EXIT.refused);
  assertStringIncludes(refusal.stderr, "not today");

  const list = await ctl("requests");
  assertStringIncludes(list.stdout, "refused (request.refused)");
  const shown = await ctl("requests", "show", more.requests[0]!.id);
  assertStringIncludes(shown.stdout, "not today");
  const unknown = await ctl("browse", "test", "nothing");
  assertStringIncludes(unknown.stderr, "connection.unknown");
  const tree = await ctl("browse", "test", "orders");
  assertEquals(tree.code, EXIT.ok, tree.stderr);
  assertStringIncludes(tree.stdout, "amount");
  assert(!`${tree.stdout}${logs.stdout}`.includes("canary"));
});

Deno.test("tokens are made, listed and taken back on the command line", async () => {
  await using fleet = await Fleet.start();
  const made = await runCtl(fleet, ["tokens", "create", "ada@example.com", "--right", "logs"]);
  assertEquals(made.stdout.trim().length, 43);
  assertStringIncludes((await runCtl(fleet, ["tokens"])).stdout, "ada@example.com");
  assertEquals((await runCtl(fleet, ["tokens", "create", "eve", "--right", "all"])).code, EXIT.failed);
  assertEquals((await runCtl(fleet, ["tokens", "remove", "ada@example.com"])).code, EXIT.ok);
});
