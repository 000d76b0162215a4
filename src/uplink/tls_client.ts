import type { CaFile } from "../trust/ca_file.ts";

/** Whom a connection to the platform trusts, and what it shows of this agent. */
export interface TlsSettings {
  /** The platform's CA as PEM, or "public": the roots that the runtime carries. */
  ca: string;
  /** The client certificate and its key, PEM. */
  certificate: string;
  key: string;
}

/**
 * The CAs that an operator wants TLS to trust beside the platform's own: asked for at every try to connect, so that a
 * change needs no restart. It never rejects.
 */
export type OperatorCas = () => Promise<CaFile>;

/** An operator who adds none. */
export const noOperatorCas: OperatorCas = () => Promise.resolve({ cas: [], problems: [] });

/**
 * The runtime's client for these settings: TLS 1.2 or newer, the server's name checked. The runtime trusts the public
 * roots besides: what a server must be is for the platform's proof to say. Close it after its use.
 */
export function createTlsClient(
  { ca, certificate, key }: TlsSettings,
  { cas }: CaFile,
): Deno.HttpClient {
  const caCerts = [...ca === "public" ? [] : [ca], ...cas.map(({ pem }) => pem)];
  return Deno.createHttpClient({ caCerts, cert: certificate, key });
}
