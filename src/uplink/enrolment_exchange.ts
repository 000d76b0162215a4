import { create } from "@bufbuild/protobuf";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { fromBase64Url } from "../base/encoding.ts";
import { SallyportError } from "../base/errors.ts";
import { randomToken } from "../base/ids.ts";
import { CUSTOM } from "../protocol/capabilities.ts";
import { decodeFrame, encodeFrame } from "../protocol/codec.ts";
import type { EnrolmentCertificate, EnrolmentRequest } from "../protocol/enrolment.ts";
import { enrolmentCertificateSchema } from "../protocol/enrolment.ts";
import { AgentToServerSchema, ServerToAgentSchema } from "../protocol/generated/opamp_pb.ts";
import { jsonMessage, readJsonMessage } from "../protocol/messages.ts";
import type { EnrolmentBundle } from "../trust/bundle.ts";
import { readCertificate } from "../trust/certificate.ts";
import { requireProof } from "./proof.ts";
import type { OpenSocket, Socket } from "./socket.ts";

/** How long the platform may take for each of its two messages. */
const ANSWER_MS = 20_000;

/** What the exchange is made with, beside the request itself. */
export interface EnrolmentConnection {
  bundle: EnrolmentBundle;
  /** The self-signed certificate of the new key, and the key, PEM. */
  certificate: string;
  key: string;
  clock: Clock;
  open: OpenSocket;
  signal: AbortSignal;
}

/**
 * Asks the platform for a certificate: one connection, on which the platform proves itself before the secret is
 * sent.
 *
 * @throws {SallyportError} as {@linkcode OpenSocket}; `platform.not-proved`; `enrolment.refused` with the
 * platform's reason; `platform.unreachable` when the connection breaks or no answer comes in time.
 */
export async function exchangeEnrolment(
  request: EnrolmentRequest,
  connection: EnrolmentConnection,
): Promise<EnrolmentCertificate> {
  const { bundle, certificate, key, clock, open, signal } = connection;
  const challenge = randomToken(32);
  const socket = await open(
    { authority: bundle.platform, path: "/v1/enroll", ca: bundle.ca, certificate, key, challenge },
    signal,
  );
  try {
    const receive = inbox(socket, clock, signal);
    const clientFingerprint = readCertificate(certificate).fingerprint;
    const proofKey = fromBase64Url(bundle.proofKey);
    const authority = bundle.platform;
    socket.proved(await requireProof(await receive(), { authority, challenge, clientFingerprint, proofKey }));
    socket.send(encodeFrame(
      AgentToServerSchema,
      create(AgentToServerSchema, { customMessage: jsonMessage(CUSTOM.enrolment, "request", request) }),
    ));
    const answer = decodeFrame(ServerToAgentSchema, await receive());
    if (answer.errorResponse) throw refused(answer.errorResponse.errorMessage);
    if (answer.customMessage?.type === "certificate") {
      return readJsonMessage(answer.customMessage, enrolmentCertificateSchema);
    }
    throw new SallyportError(
      "platform.protocol",
      "the platform's answer to the enrolment holds no certificate",
    );
  } finally {
    socket.close(1000, "");
  }
}

/** The messages of a socket one by one; breaks and long silence are thrown. */
function inbox(socket: Socket, clock: Clock, signal: AbortSignal): () => Promise<Uint8Array> {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  let closed: string | undefined;
  let wake = () => {};
  socket.listen({
    message(frame) {
      frames.push(frame);
      wake();
    },
    closed({ code, reason }) {
      closed = `${code}${reason ? ` ${reason}` : ""}`;
      wake();
    },
  });
  return async () => {
    const waiting = new AbortController();
    wake = () => waiting.abort();
    if (frames.length === 0 && closed === undefined) {
      await sleep(clock, ANSWER_MS, AbortSignal.any([signal, waiting.signal]));
    }
    const frame = frames.shift();
    if (!frame) throw noAnswer(closed);
    return frame;
  };
}

function refused(reason: string): SallyportError {
  return new SallyportError("enrolment.refused", `the platform refused the enrolment: ${reason}`, {
    remedy: "Ask for a new bundle on the platform.",
  });
}

function noAnswer(closed: string | undefined): SallyportError {
  const what = closed === undefined
    ? `no answer came within ${ANSWER_MS / 1000} s`
    : `it was closed: ${closed}`;
  return new SallyportError(
    "platform.unreachable",
    `the connection for the enrolment gave nothing: ${what}`,
    {
      retryable: true,
      remedy: "Run the same command again: the bundle stays good for this home until it expires.",
    },
  );
}
