import type { Clock } from "../base/clock.ts";
import type { SallyportError } from "../base/errors.ts";
import type { Scene } from "./answerer.ts";
import { isAboutAnswerer, nameAnswerer } from "./answerer.ts";
import type { OperatorCas } from "./tls_client.ts";

/** Says of an error who it was that answered, where that is not the platform; other errors it gives back. */
export type Witness = (error: SallyportError, signal: AbortSignal) => Promise<SallyportError>;

export interface WitnessOptions {
  /** `host:port`. */
  authority: string;
  /** The bundle's CA, PEM, or "public". */
  ca: string;
  operatorCas: OperatorCas;
  clock: Clock;
}

/** A try to connect does not wait longer for the name of who answered. */
const LOOK_MS = 3_000;
/** The same failure is taken to have the same cause for so long, and the address is not looked at again. */
const LOOK_AGAIN_MS = 10 * 60_000;

/**
 * The runtime's own errors do not name whose certificate was refused, and its sockets do not show one. So after such
 * a failure the witness looks at the certificate that stands at the address, on a connection of its own.
 */
export function createWitness({ authority, ca, operatorCas, clock }: WitnessOptions): Witness {
  let last: { failure: string; lookedAt: number; scene: Scene } | undefined;
  return async (error, signal) => {
    if (!isAboutAnswerer(error)) return error;
    const { cas, problems } = await operatorCas();
    const failure = [error.message, ...problems, ...cas.map(({ facts }) => facts.fingerprint)].join("\n");
    if (last?.failure !== failure || clock.monotonic() - last.lookedAt >= LOOK_AGAIN_MS) {
      const { shownCertificate } = await import("./shown_certificate.ts"); // brings a TLS stack of its own
      const trust = { ca, operatorCas: cas.map(({ pem }) => pem) };
      const shown = await shownCertificate(authority, trust, { clock, limitMs: LOOK_MS, signal });
      if (signal.aborted) return error;
      last = { failure, lookedAt: clock.monotonic(), scene: { authority, ca, problems, shown } };
    }
    return nameAnswerer(error, last.scene);
  };
}
