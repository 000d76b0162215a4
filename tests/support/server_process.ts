/** A user of the machine that servers run as, which do not run as root. */
export interface ServerUser {
  ids: { uid?: number; gid?: number };
  /** Makes a folder and what is in it theirs. */
  own(folder: string): Promise<void>;
}

/** The user of a name; the one who runs this, if that is not root; undefined when there is neither. */
export async function userOf(name: string): Promise<ServerUser | undefined> {
  if (Deno.uid() !== 0) return { ids: {}, own: () => Promise.resolve() };
  const line = (await Deno.readTextFile("/etc/passwd")).split("\n").find((line) =>
    line.startsWith(`${name}:`)
  );
  if (line === undefined) return undefined;
  const [uid, gid] = line.split(":").slice(2, 4).map(Number) as [number, number];
  return {
    ids: { uid, gid },
    async own(folder) {
      await new Deno.Command("chown", { args: ["-R", `${uid}:${gid}`, folder] }).output();
    },
  };
}

/** Runs a client on a text; gives what it printed, and throws what it complained of. */
export async function runClient(
  program: string,
  args: string[],
  env: Record<string, string>,
  text: string,
): Promise<string> {
  const child = new Deno.Command(program, { args, env, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  const writing = writer.write(new TextEncoder().encode(text)).then(() => writer.close()).catch(() => {});
  const { success, stdout, stderr } = await child.output();
  await writing;
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

export interface ServerOptions {
  user: ServerUser;
  /** Makes in the folder what the server needs. */
  prepare(folder: string): Promise<void>;
  command(folder: string): { command: string; args: string[] };
  /** Whether its log says that it can be used. */
  isReady(log: string): boolean;
}

/** A server that runs in a folder of its own, which goes with it. */
export class ServerProcess {
  readonly folder: string;
  readonly #child: Deno.ChildProcess;
  readonly #writing: Promise<void>;

  private constructor(folder: string, child: Deno.ChildProcess, writing: Promise<void>) {
    this.folder = folder;
    this.#child = child;
    this.#writing = writing;
  }

  static async start({ user, prepare, command, isReady }: ServerOptions): Promise<ServerProcess> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sallyport-server-" }));
    try {
      await prepare(folder);
      const { command: program, args } = command(folder);
      const child = new Deno.Command(program, {
        args,
        ...user.ids,
        cwd: folder,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const ready = Promise.withResolvers<void>();
      const file = await Deno.open(`${folder}/log`, { create: true, append: true });
      const writing = (async () => {
        const decoder = new TextDecoder();
        let said = "";
        for await (const bytes of child.stderr) {
          await file.write(bytes);
          said = (said + decoder.decode(bytes, { stream: true })).slice(-20_000);
          if (isReady(said)) ready.resolve();
        }
        file.close();
        ready.reject(new Error(`${program} ended: ${said}`));
      })();
      ready.promise.catch(() => {}); // it ends some time, and then nobody waits
      await ready.promise;
      return new ServerProcess(folder, child, writing);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Its log so far. */
  log(): Promise<string> {
    return Deno.readTextFile(`${this.folder}/log`);
  }

  async stop(signal: Deno.Signal): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended by itself
    }
    await this.#child.status;
    await this.#writing;
    await Deno.remove(this.folder, { recursive: true });
  }
}
