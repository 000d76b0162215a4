import type { Clock } from "../base/clock.ts";
import { SallyportError } from "../base/errors.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import { decodeFrame } from "../protocol/codec.ts";
import type { ServerToAgent } from "../protocol/generated/opamp_pb.ts";
import { ServerToAgentSchema } from "../protocol/generated/opamp_pb.ts";
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

/** Whoever answers may say anything, at any length. */
const MAX_WORDS = 300;

/**
 * Checks that the first message of a connection is the platform's proof, and gives it back.
 *
 * @throws {SallyportError} `platform.not-proved`: whoever answers is not the platform, whatever its TLS
 * certificate says; not one byte of payload was sent.
 */
export async function requireProof(frame: Uint8Array, pinned: Pinned): Promise<Proof> {
  const proof = readProof(frame);
  const { authority, challenge, clientFingerprint, proofKey } = pinned;
  const { time, sealingKey } = proof;
  const subject = { authority, challenge, clientFingerprint, time, sealingKey };
  if (await verifyProof(proofKey, subject, proof.signature)) return proof;
  throw notProved("its proof is not signed by the platform's key for this very connection");
}

function readProof(frame: Uint8Array): Proof {
  let message: ServerToAgent;
  try {
    message = decodeFrame(ServerToAgentSchema, frame);
    const { customMessage } = message;
    if (customMessage?.capability === CUSTOM.proof && customMessage.type === "proof") {
      return readJsonMessage(customMessage, proofSchema);
    }
  } catch (cause) {
    throw notProved("its first message cannot be read", cause);
  }
  const words = message.errorResponse?.errorMessage.slice(0, MAX_WORDS);
  throw notProved(words ? `it refuses, without a proof: "${words}"` : "its first message is not a proof");
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

function notProved(why: string, cause?: unknown): SallyportError {
  return new SallyportError("platform.not-proved", `what answered is not the platform: ${why}`, {
    cause,
    retryable: true,
    remedy:
      "Something between here and the platform opens TLS connections (a proxy with its own CA, perhaps). " +
      "Ask whoever runs the network to let this address pass untouched. Nothing was sent.",
  });
}
