import { Cron } from "croner";
import * as z from "zod";
import { DAY_MS } from "../../base/clock.ts";
import type { TriggerKind } from "../../protocol/payloads/tracking.ts";
import { durationSchema } from "./duration.ts";

/** When a process runs. */
export type Trigger =
  | { kind: "manual" }
  | { kind: "every"; everyMs: number }
  | { kind: "cron"; pattern: string; timezone: string }
  | { kind: "watch"; settleMs: number };

const DEFAULT_SETTLE_MS = 2_000;

const cronSchema = z.string().max(200).superRefine((pattern, context) => {
  try {
    new Cron(pattern, { paused: true });
    // Six fields mean seconds to croner; ours are the five of crontab(5), or one of its @words.
    if (pattern.trim().startsWith("@") || pattern.trim().split(/\s+/).length === 5) return;
    context.addIssue({ code: "custom", message: "needs five fields: minute hour day month weekday" });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Cron\w+: /, "") : String(error);
    context.addIssue({ code: "custom", message: `is not a cron pattern: ${reason}` });
  }
}).meta({ description: "minute hour day month weekday, as in crontab(5)", examples: ["0 6 * * *"] });

const timezoneSchema = z.string().max(100).superRefine((timezone, context) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch {
    context.addIssue({
      code: "custom",
      message: `there is no time zone "${timezone}". Write it as in Europe/Berlin or UTC`,
    });
  }
}).meta({ description: "A time zone of the IANA database", examples: ["Europe/Berlin"] });

const tableSchema = z.strictObject({
  watch: z.union([z.literal(true), z.strictObject({ settle: durationSchema(0, DAY_MS).optional() })])
    .optional()
    .meta({ description: "Run when files arrive in the source's folder and have stopped changing" }),
  every: durationSchema(100, 30 * DAY_MS).optional(),
  cron: cronSchema.optional(),
  timezone: timezoneSchema.optional(),
});

/** `manual`, `{ watch: true }`, `{ every: 5s }` or `{ cron: "0 6 * * *", timezone: Europe/Berlin }`. */
export const triggerSchema = z.union([z.literal("manual"), tableSchema]).transform(
  (value, context): Trigger => {
    if (value === "manual") return { kind: "manual" };
    const kinds = (["watch", "every", "cron"] as const).filter((kind) => value[kind] !== undefined);
    const { watch, every, cron, timezone } = value;
    if (kinds.length !== 1) {
      context.addIssue({
        code: "custom",
        message: "needs exactly one of: watch, every, cron (or the word manual)",
      });
    } else if (timezone !== undefined && cron === undefined) {
      context.addIssue({ code: "custom", path: ["timezone"], message: "only goes with cron" });
    } else if (cron !== undefined) {
      return { kind: "cron", pattern: cron, timezone: timezone ?? "UTC" };
    } else if (every !== undefined) {
      return { kind: "every", everyMs: every };
    } else {
      return { kind: "watch", settleMs: (watch === true ? undefined : watch?.settle) ?? DEFAULT_SETTLE_MS };
    }
    return z.NEVER;
  },
).default({ kind: "manual" });

/**
 * The next time, in milliseconds since 1970, at which a cron trigger is due after `afterMs`; undefined when never.
 */
export function nextCronTime(trigger: Trigger & { kind: "cron" }, afterMs: number): number | undefined {
  const cron = new Cron(trigger.pattern, { paused: true, timezone: trigger.timezone });
  return cron.nextRun(new Date(afterMs))?.getTime();
}

export type { TriggerKind };
