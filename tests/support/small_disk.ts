/** A small file system at a folder, gone at the end of the scope; what was in the folder is hidden meanwhile. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;
  readonly #image: string | undefined;

  private constructor(path: string, image?: string) {
    this.path = path;
    this.#image = image;
  }

  /** In memory; `size` as mount(8) takes it, such as "2m". */
  static async inMemory(path: string, size: string): Promise<SmallDisk> {
    await Deno.mkdir(path, { recursive: true });
    await run("mount", "-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", path);
    return new SmallDisk(path);
  }

  /** An ext4, in a file: with delayed allocation, a journal and blocks for its own tables, as real disks have. */
  static async ext4(path: string, bytes: number): Promise<SmallDisk> {
    await Deno.mkdir(path, { recursive: true });
    const image = await Deno.makeTempFile({ prefix: "sallyport-disk-" });
    await Deno.truncate(image, bytes);
    await run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", image);
    await run("mount", "-o", "loop", image, path);
    await Deno.chmod(path, 0o700);
    return new SmallDisk(path, image);
  }

  /** Fills it to the last byte, as a program would that never stops writing. */
  async fill(): Promise<void> {
    await run("sh", "-c", `cat /dev/zero >> '${this.path}/fill' 2>/dev/null || true`);
  }

  /** Takes away what {@linkcode fill} wrote, or leaves so many bytes of it. */
  async free(leaveBytes = 0): Promise<void> {
    if (leaveBytes === 0) await Deno.remove(`${this.path}/fill`);
    else await Deno.truncate(`${this.path}/fill`, leaveBytes);
  }

  /** The bytes that {@linkcode fill} took. */
  async filled(): Promise<number> {
    return (await Deno.stat(`${this.path}/fill`)).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", "-l", this.path);
    if (this.#image) await Deno.remove(this.#image);
  }
}

/** Whether this machine lets this user mount file systems: as root on Linux, and not in every container. */
export const canMount = Deno.build.os === "linux" && Deno.uid() === 0 && await tryMount();
if (!canMount) console.log("Tests of a full disk are skipped: a file system of its own needs root on Linux.");

async function tryMount(): Promise<boolean> {
  const path = await Deno.makeTempDir({ prefix: "sallyport-disk-" });
  try {
    await using _disk = await SmallDisk.inMemory(path, "64k");
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(path);
  }
}

async function run(...command: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  if (!success) throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
