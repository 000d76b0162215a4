import * as z from "zod/mini";
import "../../base/schema_messages.ts";
import { MAX_MESSAGE_BYTES } from "../../base/limits.ts";
import { MOMENT_FORM, readMoment } from "../../base/moment.ts";
import { MAX_OWN_RULES, MAX_PATTERN_CHARS, whyUnusable } from "../../base/redaction/own_rules.ts";
import { nearest } from "../../base/yaml/problems.ts";
import { DAYS, SHAPES } from "./options.ts";

/** The schema of `policy.yaml`: closed, so that a word which is not understood is a fault and not a hole. */

const MAX_PATTERNS = 100;

/** One of a few words; the complaint says which, and `hints` what to say of a word that is wrong on purpose. */
function oneWord<const W extends readonly string[]>(words: W, hints: Readonly<Record<string, string>> = {}) {
  return z.string().check(z.refine((word) => words.includes(word), {
    error: ({ input }) => {
      const word = String(input);
      const meant = nearest(word, words);
      const hint = hints[word] ?? (meant ? `Did you mean "${meant}"?` : "");
      return `is "${word}", but needs one of ${words.join(", ")}${hint === "" ? "" : `. ${hint}`}`;
    },
  })) as unknown as z.ZodMiniType<W[number], W[number]>;
}

const UNITS: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const MAX_BUDGET_BYTES = 2 ** 40;

const budget = z.pipe(
  z.string(),
  z.transform((text, context): number => {
    const [, number, unit = ""] = /^(\d{1,6}) ?(KiB|MiB|GiB)$/.exec(text) ?? [];
    const bytes = Number(number) * (UNITS[unit] ?? NaN);
    const message = Number.isNaN(bytes)
      ? `is "${text}", but needs a size such as 500 KiB, 64 MiB or 2 GiB`
      : bytes < MAX_MESSAGE_BYTES
      ? "is less than 1 MiB, the largest single message: what waits could wait for ever"
      : bytes > MAX_BUDGET_BYTES
      ? "is more than 1024 GiB"
      : undefined;
    if (message !== undefined) context.issues.push({ code: "custom", message, input: text });
    return bytes;
  }),
);

const pattern = z.string().check(z.minLength(1), z.maxLength(200));
const patterns = z.array(pattern).check(z.maxLength(MAX_PATTERNS));

const time = z.string().check(z.refine((text) => /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/.test(text), {
  error: ({ input }) => `is "${input}", but needs a time of day such as 08:30`,
}));

const timezone = z.string().check(z.refine((name) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}, { error: ({ input }) => `there is no time zone "${input}". Write it as in Europe/Berlin or UTC` }));

const hours = z.strictObject({
  from: time,
  to: time,
  days: z.optional(z.array(oneWord(DAYS)).check(z.minLength(1), z.maxLength(7))),
  timezone: z.optional(timezone),
}).check(z.refine(({ from, to }) => from < to, { error: "must begin before it ends, within one day" }));

/** A day, which counts to its end, or a time. */
const moment = z.pipe(
  z.string(),
  z.transform((text, context): string => {
    const iso = readMoment(text);
    if (iso !== undefined) return iso;
    context.issues.push({ code: "custom", message: `is "${text}", but needs ${MOMENT_FORM}`, input: text });
    return text;
  }),
);

const FLOWS = ["allow", "deny"] as const;
const ON_REQUEST = ["allow", "deny", "ask"] as const;
const NOT_ASKED = {
  ask:
    "ask holds what people at the platform request until somebody here approves it, and this goes out by itself",
};

const flows = oneWord(FLOWS, NOT_ASKED);
const onRequest = oneWord(ON_REQUEST);
const flowing = { send: z.optional(flows), budget: z.optional(budget) };
const requested = {
  send: z.optional(onRequest),
  requesters: z.optional(patterns),
  hours: z.optional(hours),
  budget: z.optional(budget),
};
const shape = z.optional(oneWord(SHAPES));

/** A class: its decision as one word, or a table in which that is one of the fields. */
function classOf<T extends z.ZodMiniType<{ send?: unknown }>>(send: z.ZodMiniType<string, string>, table: T) {
  return z.pipe(
    z.union([send, table]),
    z.transform((value) => (typeof value === "string" ? { send: value } : value) as z.output<T>),
  );
}

const status = classOf(
  flows,
  z.strictObject({
    ...flowing,
    attributes: z.optional(patterns),
    health: z.optional(patterns),
    processTexts: shape,
  }),
);
const tracking = classOf(flows, z.strictObject({ ...flowing, names: shape, directories: shape }));
const onDemand = classOf(onRequest, z.strictObject(requested));
const schema = classOf(
  onRequest,
  z.strictObject({
    ...requested,
    defaults: z.optional(z.boolean()),
    comments: z.optional(z.boolean()),
    enums: z.optional(z.boolean()),
  }),
);
const data = classOf(
  onRequest,
  z.strictObject({ ...requested, until: z.optional(moment), processes: z.optional(patterns) }),
);

const ownRule = z.strictObject({
  name: z.string().check(z.refine((name) => /^[a-z0-9][a-z0-9 -]{0,39}$/.test(name), {
    error: "takes up to 40 small letters, digits, spaces and -: it stands in the place of what was found",
  })),
  pattern: z.string().check(
    z.maxLength(MAX_PATTERN_CHARS),
    z.refine((text) => whyUnusable(text) === undefined, {
      error: ({ input }) => whyUnusable(String(input))!,
    }),
  ),
});

export const policySchema = z.strictObject({
  status: z.optional(status),
  tracking: z.optional(tracking),
  logs: z.optional(onDemand),
  errors: z.optional(onDemand),
  schema: z.optional(schema),
  data: z.optional(data),
  redaction: z.optional(z.array(ownRule).check(z.maxLength(MAX_OWN_RULES))),
});

/** What stands in a `policy.yaml` that fits. */
export type PolicyFile = z.output<typeof policySchema>;
