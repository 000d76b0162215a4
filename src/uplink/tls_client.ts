/** Whom a connection to the platform trusts, and what it shows of this agent. */
export interface TlsSettings {
  /** The platform's CA as PEM, or "public": the roots that the runtime carries. */
  ca: string;
  /** The client certificate and its key, PEM. */
  certificate: string;
  key: string;
}

/** The runtime's client for these settings: TLS 1.2 or newer, the server's name checked. Close it after its use. */
export function createTlsClient({ ca, certificate, key }: TlsSettings): Deno.HttpClient {
  return Deno.createHttpClient({ ...(ca === "public" ? {} : { caCerts: [ca] }), cert: certificate, key });
}
