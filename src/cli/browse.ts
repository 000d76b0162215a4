import { oneWord, usage } from "../base/command_line/command.ts";
import { SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import { MAX_SCHEMA_PAGE_RECORDS } from "../base/limits.ts";
import { browseHome, giveUpPlatform, PAGE_TIME_LIMIT_MS } from "../agent/browsing.ts";
import { judgeSchemaRecord, whyTextsRefused } from "../gate/schema.ts";
import { SCHEMA_TEXTS, schemaRequestSchema } from "../protocol/payloads/schema.ts";
import type { SchemaRecord, SchemaRequest } from "../protocol/payloads/schema.ts";
import { schemaTree } from "./browse_tree.ts";
import type { Command, CommandContext } from "./command.ts";
import { chosenPolicy, POLICY_OPTION } from "./policy_file.ts";

/** `sallyport browse CONNECTION` */
export const browse: Command = {
  name: "browse",
  usage: "CONNECTION",
  summary: "Show what a request to browse a connection would send",
  about:
    "Looks at what a connection of connections.yaml leads to, and shows the records that would leave for the\n" +
    "platform if somebody there asked: names, types, keys and indexes, and never a row. Default values,\n" +
    "comments and labels of enumerations are in them only with --include, and if policy.yaml allows it.\n" +
    "Nothing is sent. `sallyport connections` lists what can be browsed.",
  options: [
    {
      name: "pattern",
      value: "PATTERN",
      summary: "Only what has this name or path, as in order* or public.*",
    },
    {
      name: "include",
      value: "TEXTS",
      summary: `Texts to ask for: ${SCHEMA_TEXTS.join(", ")}, or several of them`,
    },
    { name: "page", value: "TOKEN", summary: "The page after another, whose end shows the token" },
    { name: "page-size", value: "N", summary: "How many records bring a page to its end (default: 1000)" },
    {
      name: "timeout",
      value: "SECONDS",
      summary: `How long it may take (default: ${PAGE_TIME_LIMIT_MS / 1000})`,
    },
    POLICY_OPTION,
  ],
  examples: [
    "sallyport browse shop",
    'sallyport browse shop --pattern "public.order*" --json',
    "sallyport browse shop --include comments,enums",
  ],
  async run(context) {
    const request = requestOf(context);
    const { policy, fault } = await chosenPolicy(context, context.option("policy"));
    const refusal = policy.halted ?? whyTextsRefused(request.include ?? [], policy);
    if (refusal !== undefined) {
      throw new SallyportError("request.refused", `such a request would be refused: ${refusal}`, {
        remedy: fault?.message ?? "The owner of this machine can allow it in policy.yaml, under schema.",
      });
    }
    await giveUpPlatform();
    const { clock, signal } = context;
    const records: SchemaRecord[] = [];
    const options = { clock, signal, timeLimitMs: secondsOf(context) * 1000 };
    for await (const record of browseHome(request, options)) {
      const { payload } = judgeSchemaRecord(record, policy);
      if (payload) records.push(payload);
    }
    context.result({ connection: request.connection, records }, () => schemaTree(records));
    return EXIT.ok;
  },
};

function requestOf(context: CommandContext): SchemaRequest {
  const include = context.values("include").flatMap((words) => words.split(","));
  const pageSize = context.option("page-size");
  const request = {
    connection: oneWord(browse, context.words),
    pattern: context.option("pattern"),
    page: context.option("page"),
    pageSize: pageSize === undefined ? undefined : Number(pageSize),
    include: include.length === 0 ? undefined : [...new Set(include)],
  };
  const parsed = schemaRequestSchema.safeParse(request);
  if (parsed.success) return parsed.data;
  const [field] = parsed.error.issues[0]!.path;
  if (field === "include") {
    throw usage(`--include takes ${SCHEMA_TEXTS.join(", ")}, with commas between them`);
  }
  if (field === "pageSize") throw usage(`--page-size takes a number from 1 to ${MAX_SCHEMA_PAGE_RECORDS}`);
  throw usage(`${String(field)} is too long`);
}

function secondsOf(context: CommandContext): number {
  const given = context.option("timeout");
  if (given === undefined) return PAGE_TIME_LIMIT_MS / 1000;
  const seconds = Number(given);
  if (seconds >= 1 && seconds <= 3_600) return seconds;
  throw usage("--timeout takes seconds, from 1 to 3600");
}
