import { messageOf, SallyportError } from "../base/errors.ts";
import { certificateTimeError } from "./certificate_time.ts";

/**
 * What a failed try to connect means, whatever it was made with: `platform.unreachable`, `platform.not-trusted` when
 * the server's certificate is not one that the CA vouches for, or `bundle.wrong-platform` when this executable may
 * not reach that address.
 */
export function asConnectionError(authority: string, cause: unknown): SallyportError {
  if (cause instanceof SallyportError) return cause;
  if (cause instanceof Deno.errors.NotCapable) {
    return new SallyportError(
      "bundle.wrong-platform",
      `this executable may not reach ${authority}: another platform's address is baked into it`,
      {
        cause,
        remedy:
          "`sallyport permissions` shows the address. Get the executable that was made for your platform.",
      },
    );
  }
  const text = messageOf(cause);
  const outOfTime = certificateTimeError(authority, text, cause);
  if (outOfTime) return outOfTime;
  if (/invalid peer certificate/.test(text)) {
    return new SallyportError(
      "platform.not-trusted",
      `${authority} shows a certificate that is not trusted: ${text}`,
      {
        cause,
        retryable: true,
        remedy:
          "Either something between here and the platform intercepts TLS, or the platform has another CA than " +
          "the one in your enrolment bundle. Ask whoever runs the network for an exception, or for a new bundle.",
      },
    );
  }
  if (/unsuccessful tunnel|proxy auth/.test(text)) {
    return new SallyportError(
      "platform.unreachable",
      `the proxy does not connect to ${authority}: ${text}`,
      {
        cause,
        retryable: true,
        facts: { proxy: true },
        remedy:
          "Check the name and password in the agent's HTTPS_PROXY, and that the proxy allows CONNECT to this " +
          "address and port.",
      },
    );
  }
  return new SallyportError("platform.unreachable", `${authority} cannot be reached: ${text}`, {
    cause,
    retryable: true,
    remedy:
      "Check the network, the name and the port, that the platform runs, and the proxy if HTTPS_PROXY names one.",
  });
}
