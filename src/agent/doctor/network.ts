import type { Clock } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { fromBase64Url } from "../../base/encoding.ts";
import { MAX_CLOCK_OFFSET_MS } from "../../base/limits.ts";
import type { Identity } from "../../identity/identity.ts";
import { clockWords, isClockOff, SET_CLOCK } from "../../protocol/clock.ts";
import type { CaFile } from "../../trust/ca_file.ts";
import { pollingOpener } from "../../uplink/polling.ts";
import type { DirectRoute, ProbeIdentity, ProofProbe } from "../../uplink/probe.ts";
import { directRoute, probeProof } from "../../uplink/probe.ts";
import type { ShownCertificate } from "../../uplink/shown_certificate.ts";
import { shownCertificate } from "../../uplink/shown_certificate.ts";
import { webSocketOpener } from "../../uplink/socket.ts";
import { nameAnswerer } from "../../uplink/answerer.ts";
import type { Check } from "./check.ts";
import { fail, ok, skipped, warn } from "./check.ts";

/** How long a certificate may take to come. */
const LOOK_MS = 10_000;

const INTERCEPTED =
  "Something between here and the platform opens TLS connections, such as a proxy with its own CA. Ask " +
  "whoever runs the network to let this address pass untouched. Nothing was sent.";

/** What the checks of the network are made with. */
export interface NetworkSubject {
  /** `host:port`, or undefined when nobody has said yet which platform it is. */
  authority: string | undefined;
  identity: Identity | undefined;
  /** The operator's CAs. */
  file: CaFile;
  clock: Clock;
  signal: AbortSignal;
}

const NAMES = ["address", "dns", "tcp", "tls", "websocket", "proof", "clock", "proxy"] as const;

/** Every step of the way to the platform, from the permission to the proof. */
export async function checkNetwork(subject: NetworkSubject): Promise<Check[]> {
  const { authority, identity, file, clock, signal } = subject;
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
  const ca = identity?.enrolment.ca ?? "public";
  const trust = { ca, operatorCas: file.cas.map(({ pem }) => pem) };
  const shown = route.reached
    ? await shownCertificate(authority, trust, { clock, limitMs: LOOK_MS, signal })
    : undefined;
  const proofKey = identity?.enrolment.proofKey;
  const probe = identity && typeof proofKey === "string"
    ? await probeTransports(
      {
        authority,
        ca,
        certificate: identity.certificate,
        key: identity.key,
        proofKey: fromBase64Url(proofKey),
      },
      subject,
    )
    : undefined;
  if (probe?.error) {
    probe.error = nameAnswerer(probe.error, { authority, ca, problems: file.problems, shown });
  }
  return [
    ok("address", `this executable may reach ${authority}`),
    ...routeChecks(authority, route, probe),
    tlsCheck(shown, probe),
    webSocketCheck(probe),
    proofCheck(probe),
    clockCheck(probe),
    proxyCheck(route, probe),
  ];
}

/** Asks for the proof as the agent does: over a WebSocket, or, where none can be had, by HTTP. */
async function probeTransports(
  identity: ProbeIdentity,
  { file, clock, signal }: NetworkSubject,
): Promise<ProofProbe> {
  const operatorCas = () => Promise.resolve(file);
  const probe = await probeProof(identity, { clock, open: webSocketOpener(clock, operatorCas), signal });
  if (!probe.error?.facts.noWebSocket) return probe;
  return await probeProof(identity, { clock, open: pollingOpener(clock, operatorCas), signal });
}

/** Whether a WebSocket can be had. */
function webSocketCheck(probe: ProofProbe | undefined): Check {
  const name = "websocket";
  if (probe?.transport === "websocket") return ok(name, "one can be opened");
  if (probe?.transport === undefined) return skipped(name, "there is no proof that it could have carried");
  return warn(
    name,
    "none can be had, so the agent polls over HTTP: what the platform offers comes with the next heartbeat",
    "Ask whoever runs the network, or the load balancer in front of the platform, to let WebSockets pass.",
  );
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
  if (probe?.error?.code === "platform.not-trusted") {
    return fail(name, probe.error.message, probe.error.remedy!);
  }
  // A proof is for this very connection; with one, the machine's own trust may stand behind a certificate.
  if (shown && !shown.valid && probe && probe.offsetMs === undefined) {
    return fail(name, `nothing that this agent is told to trust vouches for it: ${what}`, INTERCEPTED);
  }
  if (!probe) {
    return skipped(
      name,
      what === "" ? "no certificate came" : `${what}; whether to trust it, the bundle says`,
    );
  }
  if (shown?.valid || cameThrough(probe)) return ok(name, what === "" ? "trusted" : `trusted: ${what}`);
  return skipped(name, "there is no connection to speak TLS on");
}

/** Whether who answers holds the key that the bundle pins, and takes this agent. */
export function proofCheck(probe: ProofProbe | undefined): Check {
  const name = "proof";
  if (!probe) {
    return skipped(
      name,
      "no key is pinned here: it comes with an enrolment bundle, and plain servers have none",
    );
  }
  const { offsetMs, error } = probe;
  if (offsetMs !== undefined && error) {
    return fail(
      name,
      `the platform proved its key, but ${error.message}`,
      error.remedy ?? "Ask its operator.",
    );
  }
  if (error) return fail(name, error.message, error.remedy ?? "Check the lines above.");
  return ok(
    name,
    probe.transport === "polling"
      ? "the platform proved the key of the bundle; whether it takes this agent, the agent itself can tell"
      : "the platform proved the key of the bundle, and takes this agent",
  );
}

/**
 * How far this machine's clock is from the platform's, which is part of what it signs. Where no proof came because the
 * platform's certificate is not good at the time of this machine, that says how far it is off at least.
 */
export function clockCheck({ offsetMs, error }: ProofProbe = {}): Check {
  const name = "clock";
  if (offsetMs === undefined) {
    if (error?.facts.clockOffsetBoundMs !== undefined) return fail(name, error.message, error.remedy!);
    return skipped(name, "the platform's time comes with its proof");
  }
  const reason = `this machine's clock is ${clockWords(offsetMs)}`;
  if (Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS) return fail(name, reason, SET_CLOCK);
  if (isClockOff(offsetMs)) return warn(name, reason, SET_CLOCK);
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
