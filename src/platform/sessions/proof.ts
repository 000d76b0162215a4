import { SallyportError } from "../../base/errors.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import type { CustomMessageInit } from "../../protocol/messages.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { Proof } from "../../protocol/proof.ts";
import { CHALLENGE_HEADER, challengePattern } from "../../protocol/proof.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { signProof } from "../../trust/proof.ts";
import { authorityOfHeader } from "../ca/names.ts";
import type { Context } from "../context.ts";
import type { Visit } from "./visit.ts";

/**
 * The platform's proof for the challenge of a visit, as a custom message.
 *
 * @param sealingKey the key to which the agent is to seal its messages, base64url; only for HTTP polling
 * @throws {SallyportError} `request.invalid` when the challenge is none, or the agent called the platform by a
 * name that is not its own: a proof for such a name would be worth something to an interceptor.
 */
export async function prove(
  { challenge, peer, host }: Visit,
  { clock, identity, names }: Pick<Context, "clock" | "identity" | "names">,
  sealingKey?: string,
): Promise<CustomMessageInit> {
  if (challenge === undefined || !challengePattern.test(challenge)) {
    throw new SallyportError(
      "request.invalid",
      `the header ${CHALLENGE_HEADER} must be 32 bytes as base64url`,
    );
  }
  const authority = ownName(host, names);
  const time = clock.now();
  const subject = { authority, challenge, clientFingerprint: peer.fingerprint, time, sealingKey };
  const signature = await signProof(identity.proofKey, subject);
  const proof: Proof = {
    protocol: PROTOCOL_VERSION,
    time,
    ...sealingKey === undefined ? {} : { sealingKey },
    signature,
  };
  return jsonMessage(CUSTOM.proof, "proof", proof);
}

/**
 * The `host:port` by which a visitor called this platform.
 *
 * @throws {SallyportError} `request.invalid` when it is not one of the platform's own.
 */
export function ownName(host: string | undefined, names: Context["names"]): string {
  const authority = authorityOfHeader(host);
  if (authority !== undefined && names.authorities.includes(authority)) return authority;
  throw new SallyportError(
    "request.invalid",
    `this platform is not "${authority ?? "?"}", so it proves nothing under that name; start it with ` +
      `--hostname if it should be`,
  );
}
