import type { Clock } from "../../base/clock.ts";
import { DAY_MS, isoTime } from "../../base/clock.ts";
import { asSallyportError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { readCertificate } from "../../trust/certificate.ts";
import type { ServerCertificate } from "./server_certificate.ts";

/** One that ends sooner has nobody who renews it, as it seems. */
const SOON_DAYS = 14;

export interface FreshnessOptions {
  /** What the server shows at its start. */
  first: ServerCertificate;
  /** Gives what it should show now. */
  load(): Promise<ServerCertificate>;
  /** Makes the server show it, to connections that come from now on. */
  show(certificate: ServerCertificate): void;
  everyMs: number;
  clock: Clock;
  log: Log;
}

/** Keeps the server's certificate up to date while the platform runs. */
export class Freshness {
  readonly #options: FreshnessOptions;
  #current: ServerCertificate;
  #problem = "";
  #daysToldOf = SOON_DAYS;
  #cancel = () => {};
  #stopped = false;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#current = options.first;
    this.#warnOfEnd();
    this.#arm();
  }

  /** Looks now; a certificate that is of no use is told of, and the one in use stays. Never rejects. */
  async refresh(): Promise<"replaced" | "unchanged" | "failed"> {
    const { load, show, log } = this.#options;
    try {
      const next = await load();
      this.#problem = "";
      if (next.certificate === this.#current.certificate && next.key === this.#current.key) {
        return "unchanged";
      }
      show(next);
      this.#current = next;
      this.#daysToldOf = SOON_DAYS;
      const { subject, issuer, notAfter } = readCertificate(next.certificate);
      log.info("the server shows another certificate now", { subject, issuer, expires: isoTime(notAfter) });
      return "replaced";
    } catch (thrown) {
      const { message, remedy } = asSallyportError(thrown);
      if (message !== this.#problem) {
        log.error("the server certificate cannot be replaced; the one in use stays", {
          reason: message,
          remedy,
        });
      }
      this.#problem = message;
      return "failed";
    } finally {
      this.#warnOfEnd();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Once a day, when the end is near. */
  #warnOfEnd(): void {
    const { clock, log } = this.#options;
    const { subject, notAfter } = readCertificate(this.#current.certificate);
    const days = Math.floor((notAfter - clock.now()) / DAY_MS);
    if (days >= this.#daysToldOf) return;
    this.#daysToldOf = days;
    log.warn("the server certificate needs to be replaced: after its end no agent can connect", {
      subject,
      expires: isoTime(notAfter),
    });
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock, everyMs } = this.#options;
    this.#cancel = clock.after(everyMs, () => {
      this.refresh().finally(() => this.#arm());
    });
  }
}
