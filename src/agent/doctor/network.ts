import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { fromBase64Url } from "../../base/encoding.ts";
import type { Identity } from "../../identity/identity.ts";
import type { DirectRoute, ProofProbe, ShownCertificate } from "../../uplink/probe.ts";
import { directRoute, probeProof, shownCertificate } from "../../uplink/probe.ts";
import { webSocketOpener } from "../../uplink/socket.ts";
import type { Check } from "./check.ts";
import { fail, inWords, ok, skipped, warn } from "./check.ts";

/** From here on a person should set the clock; up to the second limit the agent works all the same. */
const OFFSET_WARN_MS = 60_000;
const OFFSET_FAIL_MS = 24 * 3_600_000;

const INTERCEPTED =
  "Something between here and the platform opens TLS connections, such as a proxy with its own CA. Ask " +
  "whoever runs the network to let this address pass untouched. Nothing was sent.";

/** What the checks of the network are made with. */
export interface NetworkSubject {
  /** `host:port`, or undefined when nobody has said yet which platform it is. */
  authority: string | undefined;
  identity: Identity | undefined;
  clock: Clock;
  signal: AbortSignal;
}

const NAMES = ["address", "dns", "tcp", "tls", "proof", "clock", "proxy"] as const;

/** Every step of the way to the platform, from the permission to the proof. */
export async function checkNetwork(subject: NetworkSubject): Promise<Check[]> {
  const { authority, identity, clock, signal } = subject;
  if (authority === undefined) {
    const reason = "no platform is known yet: this home is not enrolled";
    return NAMES.map((name) => skipped(name, reason));
  }
  const { state } = await Deno.permissions.query({ name: "net", host: authority });
  if (state !== "granted") {
    const rest = NAMES.slice(1).map((name) => skipped(name, `this executable may not reach ${authority}`));
    return [
      fail(
        "address",
        `the platform is ${authority}, but another address is baked into this executable`,
        "`sallyport permissions` shows it. Get the executable that was made for your platform.",
      ),
      ...rest,
    ];
  }
  const route = await directRoute(authority, clock);
  const shown = route.reached
    ? await shownCertificate(authority, identity?.enrolment.ca ?? "public", clock)
    : undefined;
  const probe = identity && await probeProof(
    {
      authority,
      ca: identity.enrolment.ca,
      certificate: identity.certificate,
      key: identity.key,
      proofKey: fromBase64Url(identity.enrolment.proofKey),
    },
    { clock, open: webSocketOpener(clock), signal },
  );
  return [
    ok("address", `this executable may reach ${authority}`),
    ...routeChecks(authority, route, probe),
    tlsCheck(shown, probe),
    proofCheck(probe),
    clockCheck(probe?.offsetMs),
    proxyCheck(route, probe),
  ];
}

/** Name and TCP. What fails here does not matter when a proxy carries the connection. */
export function routeChecks(authority: string, route: DirectRoute, probe: ProofProbe | undefined): Check[] {
  if (route.reached) {
    return [ok("dns", `${authority} is ${route.address}`), ok("tcp", `${authority} takes connections`)];
  }
  if (probe && cameThrough(probe)) {
    const reason = `not directly (${route.reason}), and no need to: a proxy makes the connection`;
    return [skipped("dns", reason), skipped("tcp", reason)];
  }
  if (probe?.error?.facts.proxy) {
    const reason = `not directly (${route.reason}); the proxy that is in use does not connect either`;
    return [skipped("dns", reason), skipped("tcp", reason)];
  }
  if (route.at === "name") {
    const remedy = "Check the name in the bundle and this machine's name servers.";
    return [
      fail("dns", `the name of ${authority} cannot be looked up: ${route.reason}`, remedy),
      skipped("tcp", "without an address there is nothing to connect to"),
    ];
  }
  return [
    ok("dns", `the name of ${authority} can be looked up, or is an address`),
    fail(
      "tcp",
      `${authority} takes no connection: ${route.reason}`,
      "Is the platform up, and does the firewall let this machine out to that port? If a proxy is the only " +
        "way out, set HTTPS_PROXY for the agent.",
    ),
  ];
}

/** Whether the server's certificate is one that the bundle's CA vouches for, and whose it is if not. */
export function tlsCheck(shown: ShownCertificate | undefined, probe: ProofProbe | undefined): Check {
  const name = "tls";
  const what = shown
    ? `${
      shown.protocol ?? "TLS"
    }, a certificate of "${shown.facts.subject}" issued by "${shown.facts.issuer}", ` +
      `good until ${isoTime(shown.facts.notAfter)}`
    : "";
  const code = probe?.error?.code;
  if (code === "platform.not-trusted") {
    const reason = what === "" ? probe!.error!.message : `not trusted: ${what} (${probe!.error!.message})`;
    return fail(name, reason, INTERCEPTED);
  }
  // A proof is for this very connection; with one, the CA's signature may stand behind one of another CA.
  if (shown?.fromBundle === false && probe?.offsetMs === undefined) {
    return fail(name, `this machine trusts it, but the bundle's CA did not issue it: ${what}`, INTERCEPTED);
  }
  if (!probe) {
    return skipped(
      name,
      what === "" ? "no certificate came" : `${what}; whether to trust it, the bundle says`,
    );
  }
  if (cameThrough(probe)) return ok(name, what === "" ? "trusted" : `trusted: ${what}`);
  return skipped(name, "there is no connection to speak TLS on");
}

/** Whether who answers holds the key that the bundle pins, and takes this agent. */
export function proofCheck(probe: ProofProbe | undefined): Check {
  const name = "proof";
  if (!probe) return skipped(name, "the key to be proved comes with the enrolment bundle");
  const { offsetMs, error } = probe;
  if (offsetMs !== undefined && error) {
    return fail(
      name,
      `the platform proved its key, but ${error.message}`,
      error.remedy ?? "Ask its operator.",
    );
  }
  if (error) return fail(name, error.message, error.remedy ?? "Check the lines above.");
  return ok(name, "the platform proved the key of the bundle, and takes this agent");
}

/** How far this machine's clock is from the platform's, which is part of what it signs. */
export function clockCheck(offsetMs: number | undefined): Check {
  const name = "clock";
  if (offsetMs === undefined) return skipped(name, "the platform's time comes with its proof");
  const by = inWords(offsetMs);
  const reason = `this machine is ${by} ${offsetMs > 0 ? "behind" : "ahead of"} the platform`;
  const remedy = "Set this machine's clock, best by a time service.";
  if (Math.abs(offsetMs) > OFFSET_FAIL_MS) return fail(name, reason, remedy);
  if (Math.abs(offsetMs) > OFFSET_WARN_MS) return warn(name, reason, remedy);
  return ok(name, Math.abs(offsetMs) < 1000 ? "within a second of the platform's" : reason);
}

/** What can be known of a proxy. The runtime takes it from the environment, which the agent cannot read. */
export function proxyCheck(route: DirectRoute, probe: ProofProbe | undefined): Check {
  const name = "proxy";
  if (probe?.error?.facts.proxy) return fail(name, probe.error.message, probe.error.remedy!);
  if (!route.reached && probe && cameThrough(probe)) {
    return ok(name, "one is in use: the connection stands, and there is no direct way");
  }
  const hidden = "the runtime uses HTTPS_PROXY and NO_PROXY, which this program is not allowed to read";
  return skipped(name, route.reached ? `${hidden}; there is a direct way too` : hidden);
}

/** Whether a TLS connection stood, whoever was at its end. */
function cameThrough({ offsetMs, error }: ProofProbe): boolean {
  return offsetMs !== undefined || error?.code === "platform.not-proved" ||
    error?.code === "platform.refused" ||
    error?.code === "platform.protocol";
}
