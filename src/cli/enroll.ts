import { usage } from "../base/command_line/command.ts";
import { EXIT } from "../base/exit_codes.ts";
import { asSallyportError, SallyportError } from "../base/errors.ts";
import { readTextIfThere } from "../base/files.ts";
import { MAX_BUNDLE_CHARS } from "../base/limits.ts";
import { prepareHome, STATE_FOLDER } from "../agent/home.ts";
import type { Enrolled } from "../identity/enrol.ts";
import { operatorCas } from "../agent/operator_cas.ts";
import { enrol } from "../identity/enrol.ts";
import { adoptPlainServer } from "../identity/plain_server.ts";
import { decodeBundle, parseAuthority } from "../trust/bundle.ts";
import { exchangeEnrolment } from "../uplink/enrolment_exchange.ts";
import { transportsOpener } from "../uplink/transports.ts";
import { createWitness } from "../uplink/witness.ts";
import type { Command, CommandContext } from "./command.ts";

export const enroll: Command = {
  name: "enroll",
  usage: "[BUNDLE | --plain HOST[:PORT]]",
  summary: "Give this home an identity at its platform",
  about:
    `An enrolment bundle is one line that the platform makes: its address, its certificate authority, the key
with which it proves itself, and a secret that works once. The agent makes its private key here; the key
never leaves this machine. Nothing is sent before the platform has proved that it is the one in the bundle.
The bundle is taken from the command line, from a file, or from standard input with "-". CA certificates in
a file ca.pem in this home are trusted for TLS beside the bundle's.

With --plain the agent reports to an OpAMP server that is not a Sallyport platform. Such a server proves nothing
beyond its TLS certificate, and takes no tracking; nothing is sent before "sallyport run".`,
  options: [
    { name: "file", value: "FILE", summary: "Read the bundle from a file in this home" },
    {
      name: "plain",
      value: "HOST[:PORT]",
      summary: "Use a plain OpAMP server, trusted by its TLS certificate alone (port 443 if none is named)",
    },
    { name: "name", value: "NAME", summary: "What people will call this agent (default: the folder's name)" },
  ],
  examples: [
    "sallyport enroll sallyport1.eyJwbGF0Zm9ybSI6...",
    "sallyport enroll --file bundle.txt --name warehouse-berlin",
    "sallyport enroll - < bundle.txt",
    "sallyport enroll --plain opamp.example.com",
  ],
  async run(context) {
    const { clock, log, signal } = context;
    const name = (context.option("name") ?? Deno.cwd().split(/[/\\]/).pop()!).slice(0, 100);
    const server = plainServer(context);
    if (server !== undefined) {
      await prepareHome();
      const adopted = { stateFolder: STATE_FOLDER, server, ca: "public", name, clock };
      return report(context, await adoptPlainServer(adopted));
    }
    const bundle = decodeBundle(await bundleText(context));
    await prepareHome();
    const moreCas = operatorCas(log);
    const open = transportsOpener({ clock, log, operatorCas: moreCas });
    const { platform: authority, ca } = bundle;
    const witness = createWitness({ authority, ca, operatorCas: moreCas, clock });
    const enrolled = await enrol({
      stateFolder: STATE_FOLDER,
      bundle,
      name,
      clock,
      exchange: (request, tls) =>
        exchangeEnrolment(request, { bundle, ...tls, clock, open, signal }).catch(async (error) => {
          throw await witness(asSallyportError(error), signal);
        }),
    });
    return report(context, enrolled);
  },
};

function report(context: CommandContext, enrolled: Enrolled): number {
  context.result(enrolled, ({ platform, name, instanceUid, certificateExpires }) =>
    [
      `Enrolled at ${platform} as ${name}.`,
      `Its identity is ${instanceUid}; its certificate is good until ${certificateExpires}.`,
      "Next: sallyport run",
    ].join("\n"));
  return EXIT.ok;
}

/** The server of `--plain`, as `host:port`. */
function plainServer({ words, option }: CommandContext): string | undefined {
  const plain = option("plain");
  if (plain === undefined) return undefined;
  if (words.length > 0 || option("file") !== undefined) throw usage("give a bundle or --plain, not both");
  return parseAuthority(plain);
}

async function bundleText({ words, option }: CommandContext): Promise<string> {
  const [word, ...rest] = words;
  const file = option("file");
  if (rest.length > 0 || (word !== undefined && file !== undefined)) {
    throw usage("give the bundle once: as a word, with --file, or on standard input");
  }
  if (file !== undefined) {
    const text = await readTextIfThere(file);
    if (text !== undefined) return text;
    throw new SallyportError("file.missing", `there is no file ${file} in this home`, {
      remedy: "The agent can read only below its home: put the file there, or use standard input.",
    });
  }
  if (word !== undefined && word !== "-") return word;
  if (Deno.stdin.isTerminal()) {
    throw usage("a bundle is needed; the platform makes one under POST /api/v1/enrolments");
  }
  return await readInput(MAX_BUNDLE_CHARS + 1);
}

/** Standard input as text, but no more of it than a bundle can have. */
async function readInput(limit: number): Promise<string> {
  let text = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > limit) break;
  }
  return text;
}
