import { openDatabase } from "../../src/base/sqlite.ts";
import type { Database } from "../../src/base/sqlite.ts";

/** A database in a folder of its own; both are gone at the end of the scope. */
export function temporaryDatabase(): { db: Database; path: string } & Disposable {
  const folder = Deno.makeTempDirSync({ prefix: "sallyport-test-" });
  const path = `${folder}/state.db`;
  const db = openDatabase(path);
  return {
    db,
    path,
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

/** A folder that is gone at the end of the scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "sallyport-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
