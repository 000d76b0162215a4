import { green, red } from "@std/fmt/colors";
import { asSallyportError, messageOf } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import { table } from "../base/table.ts";
import { finding, printable } from "../base/terminal.ts";
import { browseHome, giveUpPlatform } from "../agent/browsing.ts";
import { CONNECTIONS_FILE } from "../agent/home.ts";
import { findConnection, readConnections } from "../connectors/connections/connections.ts";
import type { Command, CommandContext } from "./command.ts";

/** How long one connection may take to answer. */
const TIME_LIMIT_MS = 10_000;

/** `sallyport connections check [NAME...]` */
export const connectionsCheck: Command = {
  name: "connections check",
  usage: "[NAME...]",
  summary: "Try connections out",
  about:
    "Connects, logs in and asks for the first record of the schema, for each connection or those that are named,\n" +
    "and says what is wrong where it does not work: the address, TLS, the login, the file.\n" +
    "The exit code is 8 when one does not work.",
  options: [],
  examples: ["sallyport connections check", "sallyport connections check shop --json"],
  async run(context) {
    const all = await readConnections(CONNECTIONS_FILE);
    const chosen = context.words.length === 0 ? all : context.words.map((name) => findConnection(all, name));
    await giveUpPlatform();
    const checked: Checked[] = [];
    for (const { name, kind } of chosen) checked.push({ name, kind, ...await tryOut(name, context) });
    context.result({ connections: checked }, () => asText(checked));
    return checked.every(({ works }) => works) ? EXIT.ok : EXIT.failed;
  },
};

interface Checked extends Outcome {
  name: string;
  kind: string;
}

interface Outcome {
  works: boolean;
  /** What it is, as it tells itself. */
  product: string;
  error?: { code: string; message: string; remedy?: string };
}

async function tryOut(connection: string, { clock, signal }: CommandContext): Promise<Outcome> {
  let product = "";
  try {
    const request = { connection, pageSize: 1 };
    for await (const record of browseHome(request, { clock, signal, timeLimitMs: TIME_LIMIT_MS })) {
      if (record.kind === "catalog") product = record.product;
    }
    return { works: true, product };
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const { code, remedy } = error;
    return { works: false, product, error: { code, message: messageOf(error), ...remedy ? { remedy } : {} } };
  }
}

function asText(checked: readonly Checked[]): string {
  if (checked.length === 0) return `There are none: this home has no ${CONNECTIONS_FILE}, or it names none.`;
  const rows = checked.map(({ name, kind, works, product, error }) => [
    name,
    kind,
    works ? green("works") : red(error!.code),
    printable(product),
  ]);
  const titles = ["CONNECTION", "KIND", "", "PRODUCT"].map((title) => ({ title }));
  const faults = checked.flatMap(({ name, error }) =>
    error ? [finding(name, error.message, error.remedy)] : []
  );
  return [table(titles, rows), ...faults].join("\n\n");
}
