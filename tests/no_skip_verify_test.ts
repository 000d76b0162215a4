import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join, relative } from "@std/path";
import { agentFlags } from "../scripts/lib/permissions.ts";

/** Everything by which Deno and its Node layer can be made to take a certificate without looking. */
const SKIPS =
  /rejectUnauthorized|checkServerIdentity|NODE_TLS_REJECT_UNAUTHORIZED|unsafely-?(ignore|disable)|--unsafely/i;
/** How other programs call such a switch. */
const SWITCHES = /name: "[^"]*(insecure|unsafe|skip|no-verify|no-check)|"--insecure"|"-k"/;

/** The places that name one of them, how often each, and why none of them is a switch. */
const ALLOWED: Record<string, { count: number; why: string }> = {
  "src/agent/service_units.ts": {
    count: 1,
    why: "it takes the variable out of the environment of the services",
  },
  "src/platform/server.ts": {
    count: 1,
    why: "the server's side: clients are judged by the sessions, which can say why they refuse",
  },
  "src/uplink/shown_certificate.ts": {
    count: 1,
    why: "it only looks: the certificate that is not trusted is named, and the connection closed unused",
  },
  "tests/e2e/interceptor_test.ts": {
    count: 1,
    why: "it shows that the variable changes nothing",
  },
  "tests/support/front.ts": {
    count: 1,
    why: "a load balancer that takes whatever client comes, as the platform's server does",
  },
  "tests/support/interceptor.ts": {
    count: 2,
    why: "it is the interceptor, who takes agents and platforms as they come",
  },
};

const root = fromFileUrl(new URL("..", import.meta.url));
const SELF = relative(root, fromFileUrl(import.meta.url));
const CODE = /\.(ts|tsx|js|mjs|json|sh|yaml|yml|service)$|^[^.]+$/;

async function* files(path: string): AsyncGenerator<string> {
  if ((await Deno.stat(path)).isFile) return yield path;
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) yield* files(join(path, name));
    else if (CODE.test(name)) yield join(path, name);
  }
}

Deno.test("nothing in the repository can make TLS skip its checks", async () => {
  const found: Record<string, number> = {};
  const switches: string[] = [];
  for (const part of ["main.ts", "deno.json", "src", "scripts", "tests", "examples", ".ci"]) {
    for await (const path of files(join(root, part))) {
      const name = relative(root, path).replaceAll("\\", "/");
      if (name === SELF) continue;
      const text = await Deno.readTextFile(path);
      const count = text.match(new RegExp(SKIPS, "gi"))?.length ?? 0;
      if (count > 0) found[name] = count;
      if (!name.startsWith("tests/") && SWITCHES.test(text)) switches.push(name);
    }
  }
  const allowed = Object.fromEntries(Object.entries(ALLOWED).map(([name, { count }]) => [name, count]));
  assertEquals(found, allowed);
  assertEquals(switches, []);
});

Deno.test("what only looks at a certificate sends and reads nothing", async () => {
  const text = await Deno.readTextFile(join(root, "src/uplink/shown_certificate.ts"));
  assert(!/socket\.(write|end|pipe|read|on\("data")/.test(text));
});

Deno.test("the executable is not made with a flag that would skip them", async () => {
  const flags = await agentFlags("platform.example:443");
  assertEquals(flags.filter((flag) => SKIPS.test(flag) || /cert|tls/i.test(flag)), []);
});
