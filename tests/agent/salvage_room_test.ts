import { assertEquals, assertRejects } from "@std/assert";
import { setAsideDatabases } from "../../src/agent/salvage/files.ts";
import { salvage } from "../../src/agent/salvage/salvage.ts";
import { openIfSound } from "../../src/agent/salvage/soundness.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { temporaryFolder } from "../support/home.ts";
import { canMount, SmallDisk } from "../support/small_disk.ts";
import { damageable, tearLeaf } from "./damaged_database.ts";

Deno.test({
  name: "without room to save a damaged database nothing of it is given up, and with room it is saved",
  ignore: !canMount,
  async fn() {
    using folder = temporaryFolder();
    using t = damageable();
    t.db.close();
    tearLeaf(t.path, "spool");
    const { size } = await Deno.stat(t.path);
    await using disk = await SmallDisk.inMemory(folder.path, `${3 * size}`);
    const path = `${folder.path}/sallyport.db`;
    await Deno.copyFile(t.path, path);
    const torn = await Deno.readFile(path);
    const opened = await openIfSound(path);
    if ("db" in opened) throw new Error("the damage was not found");
    for (let free = 0; free < size / 2; free += 32 * 1024) {
      await disk.fill();
      await disk.free(await disk.filled() - free);
      const error = await assertRejects(
        () => salvage(path, opened.damage, { clock: t.clock, log: silentLog }),
        SallyportError,
      );
      assertEquals(error.code, "disk.full", `with ${free} bytes free`);
      assertEquals(await Deno.readFile(path), torn);
      assertEquals(await setAsideDatabases(path), []);
      await disk.free();
    }
    await salvage(path, opened.damage, { clock: t.clock, log: silentLog });
    const again = await openIfSound(path);
    if (!("db" in again)) throw new Error(again.damage.reason);
    again.db.close();
  },
});
