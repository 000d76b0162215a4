/** Tries what an engine may and may not do, and posts what became of each. */
const attempts: Record<string, () => unknown> = {
  "read data/in/a": () => Deno.readTextFile("data/in/a"),
  "write data/in/c": () => Deno.writeTextFile("data/in/c", "x"),
  "read state/sallyport.db": () => Deno.readTextFile("state/sallyport.db"),
  "read data/other/b": () => Deno.readTextFile("data/other/b"),
  "write data/other/d": () => Deno.writeTextFile("data/other/d", "x"),
  "read data/browsed/e": () => Deno.readTextFile("data/browsed/e"),
  "write data/browsed/f": () => Deno.writeTextFile("data/browsed/f", "x"),
  "read secrets/shop": () => Deno.readTextFile("secrets/shop"),
  "write secrets/shop": () => Deno.writeTextFile("secrets/shop", "x"),
  "read state/identity/key.pem": () => Deno.readTextFile("state/identity/key.pem"),
  "read policy.yaml": () => Deno.readTextFile("policy.yaml"),
  "write policy.yaml": () => Deno.writeTextFile("policy.yaml", "x"),
  "connect 127.0.0.1:9": () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  "connect 127.0.0.1:11": () => Deno.connect({ hostname: "127.0.0.1", port: 11 }),
  "fetch": () => fetch("http://127.0.0.1:9999/"),
  "listen": () => Deno.listen({ port: 0 }),
  "run": () => new Deno.Command("true").output(),
};

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    results[name] = "done";
  } catch (error) {
    results[name] = (error as Error).name;
  }
}
(self as unknown as { postMessage(results: unknown): void }).postMessage(results);
