import { isoTime, sleep } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { EXIT } from "../base/exit_codes.ts";
import type { Database } from "../base/sqlite.ts";
import { isRunning, openState, STATE_FOLDER } from "../agent/home.ts";
import { readRenewal, requestRenewal } from "../agent/renewal_request.ts";
import { loadIdentity } from "../identity/identity.ts";
import type { Command, CommandContext } from "./command.ts";

/** How long the answer may take: two connections, and the platform's work between them. */
const ANSWER_MS = 60_000;
const LOOK_MS = 100;

export const certificateRenew: Command = {
  name: "certificate renew",
  usage: "",
  summary: "Make a new key and have the certificate renewed now",
  about:
    `The agent renews its certificate by itself, long before it ends. This makes it do so now, when somebody
else may have seen the key, for example. The new key is made here; the old one goes on working until the
platform has answered the new one, and is refused from then on. The agent must run and be connected.`,
  options: [],
  examples: ["sallyport certificate renew", "sallyport certificate renew --json | jq -r .certificateExpires"],
  async run(context) {
    await loadIdentity(STATE_FOLDER); // whoever is not enrolled is told that first
    if (!await isRunning("gatehouse")) {
      throw new SallyportError("agent.not-running", "no gatehouse runs in this home, and it renews", {
        remedy: "Start the agent (sallyport run, or its service) and try again.",
      });
    }
    const db = openState();
    try {
      requestRenewal(db);
      await untilAnswered(db, context);
    } finally {
      db.close();
    }
    const { certificateFacts: { notAfter, fingerprint } } = await loadIdentity(STATE_FOLDER);
    context.result(
      { renewed: true, certificateExpires: isoTime(notAfter), fingerprint },
      ({ certificateExpires }) =>
        `There is a new key, and its certificate is good until ${certificateExpires}.`,
    );
    return EXIT.ok;
  },
};

/** Waits for the gatehouse's answer, and throws it when it is a failure. */
async function untilAnswered(db: Database, { clock, signal }: CommandContext): Promise<void> {
  const deadline = clock.monotonic() + ANSWER_MS;
  while (clock.monotonic() < deadline && !signal.aborted) {
    const { state, code, reason } = readRenewal(db)!;
    if (state === "renewed") return;
    if (state === "failed") {
      throw new SallyportError(code!, reason!, {
        retryable: true,
        remedy: "The certificate in use goes on working. `sallyport status` and `sallyport doctor` say more.",
      });
    }
    await sleep(clock, LOOK_MS, signal);
  }
  throw new SallyportError(
    "platform.unreachable",
    "the agent was asked, but there is no new certificate yet",
    {
      retryable: true,
      remedy: "It goes on trying by itself, and the certificate in use goes on working. Its log says more.",
    },
  );
}
