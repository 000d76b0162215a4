import { eventually, freePort } from "./fleet.ts";

/** Why there is no HTTP proxy to test with; undefined when there is one. */
export async function whyNoProxy(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("tinyproxy", { args: ["-v"], stdout: "null", stderr: "null" })
      .output();
    return success ? undefined : "tinyproxy does not run here";
  } catch {
    return "there is no tinyproxy here (Debian: apt-get install tinyproxy)";
  }
}

/** A real HTTP CONNECT proxy, with Basic authentication if it is given a name and a password. */
export class Proxy implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(port: number, folder: string, child: Deno.ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
  }

  static async start(login?: { name: string; password: string }): Promise<Proxy> {
    const folder = await Deno.makeTempDir({ prefix: "sallyport-proxy-" });
    const port = await freePort();
    const settings = [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 60",
      "MaxClients 50",
      "LogLevel Connect",
      `LogFile "${folder}/log"`,
      ...login ? [`BasicAuth ${login.name} ${login.password}`] : [],
    ];
    await Deno.writeTextFile(`${folder}/tinyproxy.conf`, settings.join("\n") + "\n");
    const child = new Deno.Command("tinyproxy", {
      args: ["-d", "-c", `${folder}/tinyproxy.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const proxy = new Proxy(port, folder, child);
    await eventually(() => proxy.#answers(), (answers) => answers);
    return proxy;
  }

  /** What an operator writes into HTTPS_PROXY. */
  url(login = ""): string {
    return `http://${login === "" ? "" : `${login}@`}127.0.0.1:${this.port}`;
  }

  /** How often the proxy was asked to connect to an address. */
  async requests(authority: string): Promise<number> {
    const log = await Deno.readTextFile(`${this.#folder}/log`);
    return log.split("\n").filter((line) => line.includes(`CONNECT ${authority} `)).length;
  }

  async #answers(): Promise<boolean> {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
