import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import type { ServerToAgent } from "../protocol/generated/opamp_pb.ts";
import { readJsonMessage } from "../protocol/messages.ts";
import type { Proof } from "../protocol/proof.ts";
import { proofSchema } from "../protocol/proof.ts";
import { verifyProof } from "../trust/proof.ts";

/** What the agent knows of the connection that is to be proved. */
export interface Pinned {
  authority: string;
  challenge: string;
  /** SHA-256 of the client certificate of this connection, lower-case hex. */
  clientFingerprint: string;
  /** The platform's public key from the enrolment bundle: SubjectPublicKeyInfo. */
  proofKey: Uint8Array<ArrayBuffer>;
}

/**
 * Checks that the first message of a connection is the platform's proof, and gives it back.
 *
 * @throws {SallyportError} `platform.not-proved`: whoever answers is not the platform, whatever its TLS
 * certificate says; not one byte of payload was sent.
 */
export async function requireProof(message: ServerToAgent, pinned: Pinned): Promise<Proof> {
  const custom = message.customMessage;
  if (custom?.capability !== CUSTOM.proof || custom.type !== "proof") {
    throw notProved("its first message is not a proof");
  }
  const proof = readJsonMessage(custom, proofSchema);
  const { authority, challenge, clientFingerprint, proofKey } = pinned;
  const { time, sealingKey } = proof;
  const subject = { authority, challenge, clientFingerprint, time, sealingKey };
  if (await verifyProof(proofKey, subject, proof.signature)) return proof;
  throw notProved("its proof is not signed by the platform's key for this very connection");
}

/**
 * When a message that has just arrived was sent, by this machine's clock in milliseconds since 1970 UTC: half of the
 * wait for it counts as its way here.
 *
 * @param openedAt when the connection stood, on the monotonic clock
 */
export function presumedlySentAt(openedAt: number, clock: Clock): number {
  return Math.round(clock.now() - (clock.monotonic() - openedAt) / 2);
}

function notProved(why: string): SallyportError {
  return new SallyportError("platform.not-proved", `what answered is not the platform: ${why}`, {
    retryable: true,
    remedy:
      "Something between here and the platform opens TLS connections (a proxy with its own CA, perhaps). " +
      "Ask whoever runs the network to let this address pass untouched. Nothing was sent.",
  });
}
