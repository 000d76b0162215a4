import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { toBase64Url, utf8 } from "../../src/base/encoding.ts";
import { SallyportError } from "../../src/base/errors.ts";
import { SCHEMA_TEXTS, schemaRecordSchema } from "../../src/protocol/payloads/schema.ts";
import type { SchemaRecord } from "../../src/protocol/payloads/schema.ts";
import { BrowseHome, ofKind, thingsOf } from "./browse_support.ts";

/** Stands in rows, and may never be in an answer. */
export const ROW_CANARY = "ROW-CANARY-4711";
/** Stands in defaults, comments and labels, and may be in an answer only if they were asked for. */
export const TEXT_CANARY = "TEXT-CANARY-0815";

/** Names that would be something else if anybody put them into a statement, a path or a terminal. */
export const STRANGE_NAMES = [`it's; "quoted"`, "two\nlines", "emoji 😀 Größe", "a.b`c$1%s?"] as const;

/** Something to browse, with the same things in it whatever it is. */
export interface Browsed extends AsyncDisposable {
  home: BrowseHome;
  definition: Record<string, unknown>;
  /** The names of all tables (files, operations), in the order of the browser; at least 4. */
  things: readonly string[];
  /** Those of {@linkcode STRANGE_NAMES} that can be names here. */
  strange: readonly string[];
  /** Which texts it holds {@linkcode TEXT_CANARY} in. */
  texts: readonly (typeof SCHEMA_TEXTS)[number][];
}

/** What every browser must do, however it does it. */
export function conformance(name: string, open: () => Promise<Browsed>, ignore = false): void {
  const test = (what: string, body: (browsed: Browsed) => Promise<void>) =>
    Deno.test({
      name: `browse ${name}: ${what}`,
      ignore,
      fn: async () => {
        await using browsed = await open();
        await body(browsed);
      },
    });

  test("everything is told, in closed records, and the page says that it is whole", async ({ home, ...it }) => {
    const records = await home.page(it.definition);
    for (const record of records) {
      assert(schemaRecordSchema.safeParse(record).success, JSON.stringify(record));
    }
    assertEquals(thingsOf(records), [...it.things]);
    assertEquals(records.at(-1), { kind: "end", records: records.length - 1 });
    assertEquals(ofKind(records, "end").length, 1);
    const text = JSON.stringify(records);
    for (const name of it.strange) assertStringIncludes(text, JSON.stringify(name).slice(1, -1));
    assertEquals(await home.page(it.definition), records);
  });

  test("no row, and no text that was not asked for, is in it", async ({ home, ...it }) => {
    const plain = JSON.stringify(await home.page(it.definition));
    assertEquals([plain.includes(ROW_CANARY), plain.includes(TEXT_CANARY)], [false, false]);
    for (const text of SCHEMA_TEXTS) {
      const asked = JSON.stringify(await home.page(it.definition, { include: [text] }));
      assertEquals([text, asked.includes(TEXT_CANARY)], [text, it.texts.includes(text)]);
    }
    const everything = JSON.stringify(await home.page(it.definition, { include: [...SCHEMA_TEXTS] }));
    assertEquals(everything.includes(ROW_CANARY), false);
  });

  test("pages of any size give the same together as one", async ({ home, ...it }) => {
    const whole = (await home.page(it.definition)).slice(0, -1);
    for (const pageSize of [1, 3, 7]) {
      const joined: SchemaRecord[] = [];
      for (let page: string | undefined, pages = 0;; pages++) {
        const records = await home.page(it.definition, { pageSize, ...page ? { page } : {} });
        joined.push(...records.slice(0, -1));
        page = ofKind(records, "end")[0]!.next;
        if (page === undefined) break;
        assert(records.length - 1 >= pageSize && pages < 1_000);
      }
      assertEquals(joined, whole);
    }
  });

  test("a pattern takes what has that name, whatever its case, and goes on over pages", async ({ home, ...it }) => {
    const wanted = it.things[1]!;
    const pattern = wanted.toUpperCase().replace(/^(.{3}).+(.{2})$/su, "$1*$2");
    const found = thingsOf(await home.page(it.definition, { pattern }));
    assert(found.includes(wanted), `${pattern}: ${found.join()}`);
    assert(found.length < it.things.length);
    assertEquals(thingsOf(await home.page(it.definition, { pattern: "*" })), [...it.things]);
    assertEquals(await home.page(it.definition, { pattern: "nothing has this name" }), [
      { kind: "end", records: 0 },
    ]);
    const [first] = await home.page(it.definition, { pattern: "*", pageSize: 1 });
    assert(first !== undefined);
  });

  test("a page token that is none is refused, and one beyond everything gives nothing", async ({ home, ...it }) => {
    for (const page of ["x", "e30", btoa(JSON.stringify([1])), btoa("[]")]) {
      const error = await assertRejects(() => home.page(it.definition, { page }), SallyportError);
      assertEquals(error.code, "request.invalid");
    }
    const page = toBase64Url(utf8(JSON.stringify(Array(3).fill("\uffff"))));
    assertEquals(await home.page(it.definition, { page }), [
      { kind: "end", records: 0 },
    ]);
  });

  test("a reader who goes away, or aborts, ends it and leaves nothing open", async ({ home, ...it }) => {
    for await (const record of home.browse(it.definition)) if (record.kind !== "end") break;
    const abort = new AbortController();
    const reading = home.browse(it.definition, {}, { signal: abort.signal });
    await reading.next();
    abort.abort(new Error("given up"));
    await assertRejects(() => Array.fromAsync(reading));
    await assertRejects(() => Array.fromAsync(home.browse(it.definition, {}, { signal: abort.signal })));
  });

  test("when the time is up the page is cut, and the next one goes on", async ({ home, ...it }) => {
    const time = new StoppedClock();
    const cut: SchemaRecord[] = [];
    for await (const record of home.browse(it.definition, {}, { clock: time })) {
      cut.push(record);
      time.expire();
    }
    const end = ofKind(cut, "end")[0]!;
    assertEquals([end.cut, typeof end.next], [true, "string"]);
    const rest = await home.page(it.definition, { page: end.next! });
    const whole = await home.page(it.definition);
    assertEquals([...cut.slice(0, -1), ...rest.slice(0, -1)], whole.slice(0, -1));
  });
}

/** A clock whose timers fire when the test says so. */
class StoppedClock implements Clock {
  readonly #timers = new Set<() => void>();
  now = systemClock.now;
  monotonic = systemClock.monotonic;

  after(_delayMs: number, callback: () => void): () => void {
    this.#timers.add(callback);
    return () => this.#timers.delete(callback);
  }

  expire(): void {
    for (const callback of this.#timers) callback();
    this.#timers.clear();
  }
}
