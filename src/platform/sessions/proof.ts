import type { IncomingMessage } from "node:http";
import { SallyportError } from "../../base/errors.ts";
import { CUSTOM } from "../../protocol/capabilities.ts";
import { jsonMessage } from "../../protocol/messages.ts";
import type { Proof } from "../../protocol/proof.ts";
import { CHALLENGE_HEADER, challengePattern } from "../../protocol/proof.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { signProof } from "../../trust/proof.ts";
import { authorityOfHeader } from "../ca/names.ts";
import type { Context } from "../context.ts";
import type { Peer } from "./peer.ts";
import type { Wire } from "./wire.ts";

/** Whether the agent asked the platform to prove itself. */
export function hasChallenge(request: IncomingMessage): boolean {
  return request.headers[CHALLENGE_HEADER] !== undefined;
}

/**
 * Answers the challenge of a request with the platform's proof.
 *
 * @throws {SallyportError} `request.invalid` when the challenge is none, or the agent called the platform by a
 * name that is not its own: a proof for such a name would be worth something to an interceptor.
 */
export async function sendProof(
  wire: Wire,
  request: IncomingMessage,
  peer: Peer,
  { clock, identity, names }: Pick<Context, "clock" | "identity" | "names">,
): Promise<void> {
  const challenge = request.headers[CHALLENGE_HEADER];
  if (typeof challenge !== "string" || !challengePattern.test(challenge)) {
    throw new SallyportError(
      "request.invalid",
      `the header ${CHALLENGE_HEADER} must be 32 bytes as base64url`,
    );
  }
  const authority = authorityOfHeader(request.headers.host);
  if (authority === undefined || !names.authorities.includes(authority)) {
    throw new SallyportError(
      "request.invalid",
      `this platform is not "${authority ?? "?"}", so it proves nothing under that name; start it with ` +
        `--hostname if it should be`,
    );
  }
  const time = clock.now();
  const subject = { authority, challenge, clientFingerprint: peer.fingerprint, time };
  const signature = await signProof(identity.proofKey, subject);
  const proof: Proof = { protocol: PROTOCOL_VERSION, time, signature };
  wire.send({ customMessage: jsonMessage(CUSTOM.proof, "proof", proof) });
}
