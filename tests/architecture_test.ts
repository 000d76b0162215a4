import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, normalize, relative } from "@std/path";

/** What each room may import, beside itself. The picture is in `docs/architecture.md`. */
const FOUNDATION = ["base", "protocol", "trust"];
const ROOMS = ["spool", "gate", "ledger", "uplink", "identity", "update", "engine"];
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  protocol: ["base"],
  trust: ["base", "protocol"],
  ...Object.fromEntries(ROOMS.map((room) => [room, FOUNDATION])),
  connectors: [...FOUNDATION, ...ROOMS],
  channels: [...FOUNDATION, ...ROOMS],
  agent: [...FOUNDATION, ...ROOMS, "connectors", "channels"],
  cli: [...FOUNDATION, ...ROOMS, "connectors", "channels", "agent"],
  platform: FOUNDATION,
  ctl: FOUNDATION,
};

const REASON: Record<string, string> = {
  base: "base knows no domain: move what it needs down, or the code that needs it up",
  protocol: "what crosses the wire must be readable without any of the programs",
  trust: "trust decides, it does not act: pass it bytes and times",
  platform: "the platform must never carry agent code, nor the agent platform code",
  ctl: "the customer's tool must never carry agent code",
};
const SIBLINGS = "siblings do not know each other: join them in agent/, or pass a function in";

const root = fromFileUrl(new URL("..", import.meta.url));

interface Import {
  from: string;
  to: string;
}

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

async function importsOf(path: string): Promise<Import[]> {
  const text = await Deno.readTextFile(path);
  const specifiers = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/g),
  ];
  return specifiers.map((match) => (match[1] ?? match[2])!).map((to) => ({
    from: relative(root, path).replaceAll("\\", "/"),
    to: to.startsWith(".") ? relative(root, normalize(join(dirname(path), to))).replaceAll("\\", "/") : to,
  }));
}

async function allImports(): Promise<Import[]> {
  const imports: Import[] = [];
  for await (const path of sourceFiles(join(root, "src"))) imports.push(...await importsOf(path));
  return imports;
}

const roomOf = (path: string) => path.match(/^src\/([^/]+)\//)?.[1];

Deno.test("imports follow the arrows of the architecture page", async () => {
  const violations: string[] = [];
  for (const { from, to } of await allImports()) {
    const [room, target] = [roomOf(from), roomOf(to)];
    if (room === undefined || target === undefined || room === target) continue;
    if (MAY_IMPORT[room]?.includes(target)) continue;
    violations.push(`${from} imports ${to}: ${REASON[room] ?? SIBLINGS}`);
  }
  assertEquals(violations, []);
});

Deno.test("the test above sees every room", async () => {
  const rooms = new Set<string>();
  for await (const entry of Deno.readDir(join(root, "src"))) if (entry.isDirectory) rooms.add(entry.name);
  assertEquals([...rooms].filter((room) => !(room in MAY_IMPORT)), []);
});

Deno.test("a gatehouse without a policy.yaml loads neither YAML nor regular expressions in linear time", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", join(root, "src/agent/gatehouse.ts")],
  }).output();
  interface Module {
    specifier: string;
    dependencies?: { specifier: string; code?: { specifier: string }; isDynamic?: boolean }[];
  }
  const modules: Module[] = JSON.parse(new TextDecoder().decode(stdout)).modules;
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    const { dependencies = [] } = modules.find((module) => module.specifier === specifier) ?? {};
    for (const { code, isDynamic } of dependencies) if (code && !isDynamic) load(code.specifier);
  };
  load(new URL("../src/agent/gatehouse.ts", import.meta.url).href);
  const libraries = [...loaded].filter((specifier) => specifier.startsWith("npm:")).map((specifier) =>
    specifier.match(/^npm:\/?((@[^/]+\/)?[^@/]+)/)?.[1]
  );
  assertEquals(libraries.includes("zod"), true);
  assertEquals(libraries.filter((name) => name === "yaml" || name === "re2js"), []);
});

Deno.test("zod's core is imported by its own name: by way of zod a bundle keeps all its languages", async () => {
  const byWayOfZod: string[] = [];
  for await (const path of sourceFiles(join(root, "src"))) {
    if (/\bz\.core\b/.test(await Deno.readTextFile(path))) byWayOfZod.push(relative(root, path));
  }
  assertEquals(byWayOfZod, []);
});

/** The files of the engine's half that touch the network, and why: nobody else may import a driver. */
const BROWSERS: Record<string, string> = {
  "src/connectors/mysql/session.ts": "MariaDB and MySQL: reads information_schema by fixed statements",
  "src/connectors/openapi/fetch.ts": "HTTP: gets the description of an API, by one request",
  "src/connectors/postgres/session.ts": "PostgreSQL: reads the catalogs by fixed statements",
};

Deno.test("of the agent's code only uplink/, update/ and what browses databases touch the network", async () => {
  const NETWORK =
    /\bfetch\(|\bnew WebSocket\(|\bDeno\.(connect|connectTls|listen|listenTls|serve|createHttpClient)\b/;
  const MODULES = /^(node:(http|https|http2|net|tls|dgram|dns)|ws|pg|mysql2(\/promise)?)$/;
  const outside: string[] = [];
  const browsing = new Set<string>();
  for await (const path of sourceFiles(join(root, "src"))) {
    const name = relative(root, path).replaceAll("\\", "/");
    if (/^src\/(uplink|update|platform|ctl)\//.test(name)) continue;
    const modules = (await importsOf(path)).map(({ to }) => to).filter((to) => MODULES.test(to));
    if (!NETWORK.test(await Deno.readTextFile(path)) && modules.length === 0) continue;
    if (name in BROWSERS) browsing.add(name);
    else outside.push([name, ...modules].join(" imports "));
  }
  assertEquals(outside, []);
  assertEquals([...browsing].sort(), Object.keys(BROWSERS).sort());
});

Deno.test("the gatehouse cannot get at what browses, not even by a module that is loaded later", async () => {
  const reached = new Set<string>();
  const visit = async (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { to } of await importsOf(join(root, path))) if (to.startsWith("src/")) await visit(to);
  };
  await visit("src/agent/gatehouse.ts");
  assertEquals(reached.size > 50, true);
  assertEquals([...reached].filter((path) => path.startsWith("src/connectors/")), []);
});

Deno.test("only the pump sends: nothing leaves by another way", async () => {
  const senders: string[] = [];
  for await (const path of sourceFiles(join(root, "src"))) {
    const name = relative(root, path).replaceAll("\\", "/");
    if (/^src\/(platform|ctl|uplink)\//.test(name)) continue;
    if (/\buplink\.send\(/.test(await Deno.readTextFile(path))) senders.push(name);
  }
  assertEquals(senders.filter((name) => name !== "src/agent/pump.ts"), []);
});
