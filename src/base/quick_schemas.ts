/**
 * What zod's small variant lacks for payloads that are checked tens of thousands of times a second: objects whose
 * check is compiled at its first use, as the full variant does, which costs 3 MiB more; and leaves that one look
 * decides. Together they make the check of a tracking record three times as fast. Everything else of zod goes with
 * them.
 */
import * as z from "zod/mini";
import * as core from "zod/v4/core";

type AnyObject = z.ZodMiniObject<core.$ZodLooseShape, core.$strict>;

const CompiledObject = core.$constructor<AnyObject>("ZodMiniObject", (instance, definition) => {
  init(core.$ZodObjectJIT, instance, definition);
  init(z.ZodMiniType, instance, definition);
  core.util.defineLazy(instance, "shape", () => definition.shape);
});

/** As `z.strictObject`: a field that is not named is an error. */
export function closedObject<T extends core.$ZodLooseShape>(
  shape: T,
): z.ZodMiniObject<T, core.$strict> {
  return new CompiledObject({ type: "object", shape, catchall: z.never() }) as never;
}

interface LeafDefinition extends core.$ZodTypeDef {
  type: "custom";
  expected: string;
  isValid(value: unknown): boolean;
}

const Leaf = core.$constructor<z.ZodMiniType, LeafDefinition>("ZodMiniLeaf", (instance, definition) => {
  init(core.$ZodType, instance, definition);
  const { expected, isValid } = definition;
  instance._zod.parse = (payload) => {
    if (isValid(payload.value)) return payload;
    const message = `Invalid input: expected ${expected}`;
    payload.issues.push({ code: "custom", input: payload.value, inst: instance, message });
    return payload;
  };
  init(z.ZodMiniType, instance, definition);
});

/** A value that one function decides on; `expected` completes "Invalid input: expected …". */
export function leaf<T>(expected: string, isValid: (value: unknown) => boolean): z.ZodMiniType<T> {
  return new Leaf({ type: "custom", expected, isValid }) as never;
}

/** A string of so many characters. */
export function text(min: number, max: number): z.ZodMiniType<string> {
  return leaf(
    `a string of ${min} to ${max} characters`,
    (value) => typeof value === "string" && value.length >= min && value.length <= max,
  );
}

/** A string that matches a regular expression, which must be anchored at both ends. */
export function pattern(expected: string, regexp: RegExp): z.ZodMiniType<string> {
  return leaf(expected, (value) => typeof value === "string" && regexp.test(value));
}

/** A whole number from `min` up, or to `max`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): z.ZodMiniType<number> {
  return leaf(
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${min} up`
      : `a whole number from ${min} to ${max}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
}

function init(
  type: { init(instance: never, definition: never): void },
  instance: z.ZodMiniType,
  definition: core.$ZodTypeDef,
): void {
  type.init(instance as never, definition as never);
}
