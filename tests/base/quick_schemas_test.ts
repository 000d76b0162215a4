import { assertEquals } from "@std/assert";
import fc from "fast-check";
import * as z from "zod/mini";
import { closedObject, pattern, text, wholeNumber } from "../../src/base/quick_schemas.ts";

const SHAPES = [
  ["text", text(1, 5), z.string().check(z.minLength(1), z.maxLength(5))],
  ["pattern", pattern("a UUID", z.core.regexes.uuid()), z.uuid()],
  ["time", pattern("a time", z.core.regexes.datetime({})), z.iso.datetime()],
  ["wholeNumber", wholeNumber(2), z.int().check(z.minimum(2))],
] as const;

const anything = fc.oneof(
  fc.anything(),
  fc.string({ maxLength: 8 }),
  fc.uuid(),
  fc.integer({ min: -5, max: 5 }),
  fc.double(),
  fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-01", "2026-13-01T00:00:00Z", "x\n", "", 2 ** 53, NaN),
);

Deno.test("a quick leaf takes exactly what zod's own takes", () => {
  for (const [name, quick, slow] of SHAPES) {
    fc.assert(fc.property(anything, (value) => {
      assertEquals(quick.safeParse(value).success, slow.safeParse(value).success, name);
    }));
  }
});

Deno.test("a closed object takes exactly what zod's strict object takes, and gives the same value", () => {
  const shape = { a: z.string(), b: z.optional(z.number()), c: z.array(z.boolean()) };
  const nested = { ...shape, inner: z.optional(z.strictObject(shape)) };
  const [quick, slow] = [
    closedObject({ ...shape, inner: z.optional(closedObject(shape)) }),
    z.strictObject(nested),
  ];
  const field = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }),
    fc.array(fc.boolean()),
    fc.constant(undefined),
  );
  const some = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__"), field);
  const right = fc.record({ a: fc.string(), b: fc.double({ noNaN: true }), c: fc.array(fc.boolean()) }, {
    requiredKeys: ["a", "c"],
  });
  const outer = fc.oneof(some, right);
  fc.assert(fc.property(outer, fc.option(outer, { nil: undefined }), (value, inner) => {
    const whole = inner === undefined ? value : { ...value, inner };
    const [one, other] = [quick.safeParse(whole), slow.safeParse(whole)];
    assertEquals([one.success, one.data], [other.success, other.data]);
  }));
});

Deno.test("what does not fit is named by its path, and in words", () => {
  const schema = closedObject({ list: z.array(closedObject({ seq: wholeNumber(1) })) });
  const [issue] = schema.safeParse({ list: [{ seq: 1 }, { seq: 0 }] }).error!.issues;
  assertEquals([issue?.path, issue?.message], [
    ["list", 1, "seq"],
    "Invalid input: expected a whole number from 1 up",
  ]);
});
