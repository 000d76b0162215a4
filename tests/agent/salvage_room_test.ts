import { assertEquals, assertRejects } from "@std/assert";
import { setAsideDatabases } from "../../src/agent/salvage/files.ts";
import { salvage } from "../../src/agent/salvage/salvage.ts";
import { openIfSound } from "../../src/agent/salvage/soundness.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { temporaryFolder } from "../support/home.ts";
import { damageable, tearLeaf } from "./damaged_database.ts";

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
if (!isRoot) {
  console.log("The test of a salvage without room is skipped: a file system of its own needs root on Linux.");
}

async function run(...command: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

Deno.test({
  name: "without room to save a damaged database nothing of it is given up, and with room it is saved",
  ignore: !isRoot,
  async fn() {
    using folder = temporaryFolder();
    using t = damageable();
    t.db.close();
    tearLeaf(t.path, "spool");
    const { size } = await Deno.stat(t.path);
    await run("mount", "-t", "tmpfs", "-o", `size=${3 * size}`, "tmpfs", folder.path);
    try {
      const path = `${folder.path}/sallyport.db`;
      await Deno.copyFile(t.path, path);
      const torn = await Deno.readFile(path);
      const opened = await openIfSound(path);
      if ("db" in opened) throw new Error("the damage was not found");
      const filler = `${folder.path}/filler`;
      for (let free = 0; free < size / 2; free += 32 * 1024) {
        await run("sh", "-c", `cat /dev/zero > '${filler}' 2>/dev/null || true`);
        const { size: full } = await Deno.stat(filler);
        await Deno.truncate(filler, full - free);
        const error = await assertRejects(
          () => salvage(path, opened.damage, { clock: t.clock, log: silentLog }),
          SallyportError,
        );
        assertEquals(error.code, "disk.full", `with ${free} bytes free`);
        assertEquals(await Deno.readFile(path), torn);
        assertEquals(await setAsideDatabases(path), []);
        await Deno.remove(filler);
      }
      await salvage(path, opened.damage, { clock: t.clock, log: silentLog });
      const again = await openIfSound(path);
      if (!("db" in again)) throw new Error(again.damage.reason);
      again.db.close();
    } finally {
      await run("umount", "-l", folder.path);
    }
  },
});
