import { join } from "@std/path";
import { inWords, isoTime } from "../../base/clock.ts";
import { asSallyportError, messageOf } from "../../base/errors.ts";
import type { Identity } from "../../identity/identity.ts";
import { loadIdentity } from "../../identity/identity.ts";
import { STATE_FOLDER } from "../home.ts";
import type { Check } from "./check.ts";
import { fail, ok, skipped, warn } from "./check.ts";

const FOLDER = join(STATE_FOLDER, "identity");
const OTHERS = 0o077;

/** Whether this home has an identity that can be read, by its owner only; and the identity, if it has. */
export async function checkIdentity(): Promise<{ check: Check; identity?: Identity }> {
  const name = "identity";
  let identity: Identity;
  try {
    identity = await loadIdentity(STATE_FOLDER);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    return {
      check: fail(name, messageOf(error), error.remedy ?? "Enrol this home again with a new bundle."),
    };
  }
  const open = await filesOpenToOthers();
  if (open.length > 0) {
    const reason = `other users than the owner may read or write ${open.join(", ")}`;
    return {
      check: fail(name, reason, `chmod 600 ${open.join(" ")}; if others were here, enrol again.`),
      identity,
    };
  }
  const { name: agent, instanceUid } = identity.enrolment;
  return { check: ok(name, `${agent}, ${instanceUid}; its files are for their owner only`), identity };
}

async function filesOpenToOthers(): Promise<string[]> {
  const open: string[] = [];
  for await (const entry of Deno.readDir(FOLDER)) {
    const path = join(FOLDER, entry.name);
    const { mode, isFile } = await Deno.stat(path);
    if (isFile && ((mode ?? 0) & OTHERS) !== 0) open.push(path);
  }
  return open.sort();
}

/** How much is left of the certificate's life, by this machine's clock. */
export function certificateCheck(
  facts: { notBefore: number; notAfter: number } | undefined,
  now: number,
): Check {
  const name = "certificate";
  if (!facts) return skipped(name, "there is none before this home is enrolled");
  const { notBefore, notAfter } = facts;
  const clock = `this machine's clock says ${isoTime(now)}`;
  if (now < notBefore) {
    return fail(
      name,
      `it is good from ${isoTime(notBefore)} on; ${clock}, ${inWords(notBefore - now)} too early`,
      "Set this machine's clock.",
    );
  }
  if (now > notAfter) {
    return fail(
      name,
      `it expired at ${isoTime(notAfter)}; ${clock}, ${inWords(now - notAfter)} later`,
      "If the clock is right, ask the platform's operator to approve a new certificate, and start the agent; if " +
        "not, set it.",
    );
  }
  const left = notAfter - now;
  const reason = `good for ${inWords(left)}, until ${isoTime(notAfter)}`;
  if (left < (notAfter - notBefore) / 3) {
    return warn(
      name,
      `${reason}: less than a third of its life`,
      "A running and connected agent renews it by itself: see that it runs. If it does, ask the platform.",
    );
  }
  return ok(name, reason);
}
