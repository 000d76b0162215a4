/** Looks at the way to the platform, for a person who wants to know where it is blocked. Nothing is sent. */
import type { Clock } from "../base/clock.ts";
import { messageOf, SallyportError } from "../base/errors.ts";
import { randomToken } from "../base/ids.ts";
import { CLOSE } from "../protocol/closing.ts";
import { decodeFrame } from "../protocol/codec.ts";
import type { ServerErrorResponse } from "../protocol/generated/opamp_pb.ts";
import { ServerToAgentSchema } from "../protocol/generated/opamp_pb.ts";
import { splitAuthority } from "../trust/bundle.ts";
import { readCertificate } from "../trust/certificate.ts";
import { endingOfClose } from "./ending.ts";
import { presumedlySentAt, requireProof } from "./proof.ts";
import type { OpenSocket, Transport } from "./socket.ts";
import type { UplinkIdentity } from "./uplink.ts";

/** How long each step may take. */
const STEP_MS = 10_000;

/** How far a connection without a proxy comes. */
export type DirectRoute =
  | { reached: true; address: string }
  | { reached: false; at: "name" | "tcp"; reason: string };

/** Looks the name up and opens a TCP connection, past any proxy. The runtime does both in one step. */
export async function directRoute(authority: string, clock: Clock): Promise<DirectRoute> {
  const { hostname, port } = splitAuthority(authority);
  const late = Promise.withResolvers<never>();
  const connecting = Deno.connect({ hostname, port });
  const cancel = clock.after(STEP_MS, () => {
    late.reject(new Error(`nothing came within ${STEP_MS / 1000} s`));
    // A look-up cannot be called off; what it leads to is not wanted any more.
    connecting.then((connection) => connection.close(), () => {});
  });
  try {
    using connection = await Promise.race([connecting, late.promise]);
    return { reached: true, address: (connection.remoteAddr as Deno.NetAddr).hostname };
  } catch (error) {
    const reason = messageOf(error);
    return { reached: false, at: /lookup|resolve/.test(reason) ? "name" : "tcp", reason };
  } finally {
    cancel();
  }
}

/** What a connection that stopped after the proof told. */
export interface ProofProbe {
  /** The platform's clock minus this machine's, in milliseconds; undefined before the proof. */
  offsetMs?: number;
  /** What carried the proof. */
  transport?: Transport;
  /** Why the platform was not proved, or, when it was, why it refuses this agent. */
  error?: SallyportError;
}

/** The identity as far as a proof needs it. */
export type ProbeIdentity = Omit<UplinkIdentity, "instanceUid" | "proofKey"> & {
  proofKey: Uint8Array<ArrayBuffer>;
};

/**
 * Lets the platform prove itself as in every session, and say whether it takes this agent's certificate. It is
 * told that this is a probe, so no session begins, and one that goes on is not disturbed.
 */
export async function probeProof(
  { authority, ca, certificate, key, proofKey }: ProbeIdentity,
  { clock, open, signal }: { clock: Clock; open: OpenSocket; signal: AbortSignal },
): Promise<ProofProbe> {
  const challenge = randomToken(32);
  const probe: ProofProbe = {};
  try {
    const path = "/v1/opamp";
    const socket = await open({ authority, path, ca, certificate, key, challenge, probe: true }, signal);
    const openedAt = clock.monotonic();
    const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
    let refusal: ServerErrorResponse | undefined;
    const receive = async (frame: Uint8Array) => {
      if (probe.offsetMs !== undefined) {
        refusal = decodeFrame(ServerToAgentSchema, frame).errorResponse ?? refusal;
        return;
      }
      const sentAt = presumedlySentAt(openedAt, clock);
      const clientFingerprint = readCertificate(certificate).fingerprint;
      const proof = await requireProof(frame, { authority, challenge, clientFingerprint, proofKey });
      probe.offsetMs = proof.time - sentAt;
      probe.transport = socket.transport;
      // A poll's proof comes alone: the verdict on the certificate would be the answer to a message.
      if (socket.transport === "polling") resolve();
    };
    let queue = Promise.resolve();
    socket.listen({
      message: (frame) => queue = queue.then(() => receive(frame)).catch(reject),
      closed: (how) =>
        queue = queue.then(() => {
          if (how.code === CLOSE.normal && probe.offsetMs !== undefined) resolve();
          else reject(endingOfClose(how, refusal, probe.offsetMs).error);
        }),
    });
    const cancel = clock.after(STEP_MS, () => reject(probe.offsetMs === undefined ? noProof() : noVerdict()));
    try {
      await taken;
    } finally {
      cancel();
      socket.close(CLOSE.normal, "");
    }
    return probe;
  } catch (thrown) {
    return { ...probe, error: asProbeError(thrown) };
  }
}

function noProof(): SallyportError {
  return new SallyportError("platform.not-proved", `no proof came within ${STEP_MS / 1000} s`, {
    retryable: true,
    remedy: "What answers at this address may not be the platform: check the address in the bundle.",
  });
}

function noVerdict(): SallyportError {
  const message = `it did not say within ${STEP_MS / 1000} s whether it takes this agent`;
  return new SallyportError("platform.unreachable", message, {
    retryable: true,
    remedy: "The platform may be busy: try again, and ask its operator if it stays so.",
  });
}

function asProbeError(thrown: unknown): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  return new SallyportError("platform.not-proved", messageOf(thrown), { cause: thrown });
}
