import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { TextLineStream } from "@std/streams/text-line-stream";
import { EXIT } from "../../src/base/exit_codes.ts";
import { Company } from "../support/company.ts";
import { temporaryFolder } from "../support/home.ts";

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

Deno.test("the platform's program shows the operator's certificate, and another one on SIGHUP", async () => {
  using folder = temporaryFolder();
  const path = (name: string) => join(folder.path, name);
  const company = await Company.found("Company");
  const write = async (hosts: string[]) => {
    const { cert, key } = await company.certify(hosts);
    await Deno.writeTextFile(path("chain.pem"), cert);
    await Deno.writeTextFile(path("key.pem"), key);
  };
  await Deno.writeTextFile(path("root.pem"), company.root);
  await write(["localhost"]);
  const child = platform(
    ...["--data", path("data"), "--listen", "127.0.0.1:0", "--token-file", path("token"), "--json"],
    ...["--tls-certificate", path("chain.pem"), "--tls-key", path("key.pem"), "--tls-ca", path("root.pem")],
  ).spawn();
  const lines: ReadableStream<string> = child.stderr
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const log = lines.getReader();
  const line = async (wanted: string) => {
    for (;;) {
      const { value, done } = await log.read();
      if (done) throw new Error(`the log ended before it said: ${wanted}`);
      const line = JSON.parse(value);
      if (line.message === wanted) return line;
    }
  };
  const out = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assertStringIncludes(JSON.parse((await out.read()).value!).url, "https://localhost:");
  const lost = await line("the server certificate does not cover every name: by these nobody can connect");
  assertEquals(lost.names, "127.0.0.1");
  await write(["second.example", "localhost"]);
  child.kill("SIGHUP");
  assertEquals((await line("the server shows another certificate now")).subject, "CN=second.example");
  child.kill("SIGTERM");
  assertEquals((await child.status).code, EXIT.ok);
  await log.cancel();
  await out.cancel();
});

Deno.test("a command line that is off is named, with the way to the help", async () => {
  for (
    const [args, words] of [
      [[], "--data"],
      [["--data", "/nonexistent/x", "--listen", "8443"], "--listen"],
      [["--data", "x", "--listen", "127.0.0.1:1", "--heartbeat", "soon"], "--heartbeat"],
      [["--data", "x", "--listen", "127.0.0.1:1", "--colour"], "--colour"],
      [["--data", "x", "--listen", "127.0.0.1:1", "--tls-key", "x"], "--tls-certificate"],
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
