import { eventually, freePort } from "./fleet.ts";

/** A name and a password that a proxy asks for (Basic, RFC 7617). */
export interface Login {
  name: string;
  password: string;
}

/** How to run one kind of HTTP proxy. */
export interface ProxyProgram {
  name: string;
  /** Why there is none to test with; undefined when there is one. */
  whyNone(): Promise<string | undefined>;
  start(login?: Login): Promise<Proxy>;
}

/** How a proxy is started. */
export interface ProxyCommand {
  command: string;
  args: string[];
  /** Another user than root, for a proxy that would give up its rights by itself. */
  uid?: number;
}

/** A real HTTP CONNECT proxy on a free port, with a folder of its own; both are gone at the end of the scope. */
export class Proxy implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(port: number, folder: string, child: Deno.ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
  }

  /**
   * Runs what `prepare` gives, and waits until it takes connections.
   *
   * @param prepare writes the settings into the folder; the proxy must log its requests there, into `log`
   */
  static async run(prepare: (port: number, folder: string) => Promise<ProxyCommand>): Promise<Proxy> {
    const folder = await Deno.makeTempDir({ prefix: "sallyport-proxy-" });
    const port = await freePort();
    const { command, args, uid } = await prepare(port, folder);
    const child = new Deno.Command(command, {
      args,
      ...uid === undefined ? {} : { uid, gid: uid },
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

  /** What it noted of its requests; of connections, some proxies note only those that have ended. */
  async log(): Promise<string> {
    return await Deno.readTextFile(`${this.#folder}/log`).catch(() => "");
  }

  /** How often it was asked to connect to an address. */
  async requests(authority: string): Promise<number> {
    return (await this.log()).split("\n").filter((line) => line.includes(`CONNECT ${authority} `)).length;
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

/** What a program prints about itself; undefined when it is not installed or does not run. */
export async function firstWordsOf(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(command, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}
