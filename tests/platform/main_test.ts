import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { EXIT } from "../../src/base/exit_codes.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

function platform(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(root, "deno.json"), join(root, "src/platform/main.ts"), ...args],
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("the platform's program starts, says where it is, and ends by SIGTERM", async () => {
  const data = await Deno.makeTempDir({ prefix: "sallyport-platform-" });
  const tokenFile = join(data, "token");
  const args = ["--data", data, "--listen", "127.0.0.1:0", "--token-file", tokenFile, "--json"];
  for (const isFirst of [true, false]) {
    const child = platform(...args).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const said = JSON.parse((await lines.read()).value!) as Record<string, string>;
    assertEquals(Object.keys(said), ["url"]); // the token went into its file
    const token = (await Deno.readTextFile(tokenFile)).trim();
    if (isFirst) assertEquals((await Deno.stat(tokenFile)).mode! & 0o777, 0o600);

    const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(join(data, "ca.pem"))] });
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${said.url}/api/v1/summary`, { client, headers });
    assertEquals(response.status, 200);
    await response.body?.cancel();
    client.close();

    child.kill("SIGTERM");
    assertEquals((await child.status).code, EXIT.ok);
    const log = await new Response(child.stderr).text();
    for (const line of log.trim().split("\n")) assert(JSON.parse(line).message, line);
    assert(!log.includes(token));
    await lines.cancel();
  }
  await Deno.remove(data, { recursive: true });
});

Deno.test("a command line that is off is named, with the way to the help", async () => {
  for (
    const [args, words] of [
      [[], "--data"],
      [["--data", "/nonexistent/x", "--listen", "8443"], "--listen"],
      [["--data", "x", "--listen", "127.0.0.1:1", "--heartbeat", "soon"], "--heartbeat"],
      [["--data", "x", "--listen", "127.0.0.1:1", "--colour"], "--colour"],
    ] as const
  ) {
    const { code, stderr } = await platform(...args).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, EXIT.usage, text);
    assertStringIncludes(text, words);
    assertStringIncludes(text, "--help");
  }
  const { code, stdout } = await platform("--help").output();
  assertEquals(code, EXIT.ok);
  assertStringIncludes(new TextDecoder().decode(stdout), "Examples:");
});
