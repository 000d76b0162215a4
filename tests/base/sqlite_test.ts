import { assert, assertEquals, assertThrows } from "@std/assert";
import { asSallyportError, SallyportError } from "../../src/base/errors.ts";
import { command, openDatabase, openReadOnly, rowsInTurn, transaction } from "../../src/base/sqlite.ts";
import { temporaryFolder } from "../support/home.ts";

/** Reads the rows of {@linkcode filled}, and notes each. */
function read(path: string, seen: number[]): void {
  using db = openReadOnly(path);
  const sql = "SELECT n, x FROM t WHERE n > ?1 ORDER BY n LIMIT ?2";
  for (const { n } of rowsInTurn<{ n: number }>(db, sql, ({ n }) => n)) seen.push(n);
}

/** A database with rows from 1 on, each of half a page. */
function filled(path: string, rows: number): void {
  using db = openDatabase(path);
  db.exec("CREATE TABLE t (n INTEGER PRIMARY KEY, x)");
  const insert = command(db, "INSERT INTO t VALUES (?, ?)");
  transaction(db, () => {
    for (let n = 1; n <= rows; n++) insert(n, "x".repeat(2_000));
  });
}

Deno.test("rows come in turn, whatever their number", () => {
  for (const rows of [0, 1, 63, 64, 65, 200]) {
    using folder = temporaryFolder();
    filled(`${folder.path}/a.db`, rows);
    const seen: number[] = [];
    read(`${folder.path}/a.db`, seen);
    assertEquals(seen, Array.from({ length: rows }, (_, i) => i + 1));
  }
});

Deno.test("a page that cannot be read is an error at its very row, not the end of the rows", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.db`;
  filled(path, 200);
  {
    using file = Deno.openSync(path, { write: true });
    file.seekSync(50 * 4096, Deno.SeekMode.Start);
    file.writeSync(crypto.getRandomValues(new Uint8Array(4096)));
  }
  const seen: number[] = [];
  const thrown = assertThrows(() => read(path, seen));
  assertEquals(asSallyportError(thrown).code, "state.unreadable");
  assert(seen.length > 64 && seen.length < 130 && seen.at(-1) === seen.length, `${seen.length} rows`);
});

Deno.test("a copy is looked at and not touched; what is no database is told", () => {
  using folder = temporaryFolder();
  filled(`${folder.path}/a.db`, 1);
  using db = openReadOnly(`${folder.path}/a.db`);
  assertThrows(() => db.exec("DELETE FROM t"), Error, "readonly");
  Deno.writeTextFileSync(`${folder.path}/b.db`, "no database".repeat(1_000));
  const error = assertThrows(() => openReadOnly(`${folder.path}/b.db`), SallyportError);
  assertEquals(error.code, "source.unreadable");
});
