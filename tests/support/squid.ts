import { createHash } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import { createProvisionalCertificate } from "../../src/trust/certificate_request.ts";
import { generateKeyPair, privateKeyToPem } from "../../src/trust/keys.ts";
import type { Company } from "./company.ts";
import type { ProxyCommand, ProxyProgram } from "./proxy.ts";
import { firstWordsOf, Proxy } from "./proxy.ts";

/** Nobody: squid started by root would change to a user of its own, who cannot write into a test's folder. */
const UNPRIVILEGED = 65_534;

/** https://www.squid-cache.org */
export const squid: ProxyProgram = {
  name: "squid",
  async whyNone() {
    if (helpersOf(await about()) !== undefined) return undefined;
    return "there is no squid here (Debian: apt-get install squid-openssl)";
  },
  start: (login) =>
    Proxy.run(async (port, folder) => {
      if (!login) return await squidCommand(folder, [`http_port 127.0.0.1:${port}`, "http_access allow all"]);
      // The helper takes MD5 without salt beside the forms of htpasswd.
      const digest = createHash("md5").update(login.password).digest("hex");
      await Deno.writeTextFile(`${folder}/passwords`, `${login.name}:${digest}\n`);
      return await squidCommand(folder, [
        `http_port 127.0.0.1:${port}`,
        `auth_param basic program ${helpersOf(await about())}/basic_ncsa_auth ${folder}/passwords`,
        "auth_param basic children 1 startup=1 idle=1",
        "acl known proxy_auth REQUIRED",
        "http_access allow known",
        "http_access deny all",
      ]);
    }),
};

/** Why there is no squid that can open TLS connections, or nothing to look at it with; undefined when there is. */
export async function whyNoBump(): Promise<string | undefined> {
  const text = await about();
  const opens = text?.includes("--with-openssl") && text.includes("--enable-ssl-crtd");
  if (opens && await firstWordsOf("openssl", "version") !== undefined) return undefined;
  return "there is no squid here that can open TLS (Debian: apt-get install squid-openssl openssl)";
}

/** What a squid that opens TLS connections is started with. */
export interface BumpOptions {
  /** Its own CA, by which it issues a certificate for every server that it stands in for. */
  company: Company;
  /** The CA that it trusts for servers, PEM. */
  upstreamCa: string;
  /** Whether it passes on the change of a connection to WebSocket; by default, squid does not. */
  upgrades: boolean;
}

/** Starts a squid that opens the TLS connections which go through it (`ssl_bump`). */
export function startBump({ company, upstreamCa, upgrades }: BumpOptions): Promise<Proxy> {
  return Proxy.run(async (port, folder) => {
    const helper = `${helpersOf(await about())}/security_file_certgen`;
    const database = `-s ${folder}/certificates -M 4MB`;
    await Deno.writeTextFile(`${folder}/ca.pem`, company.root + company.rootKey);
    await Deno.writeTextFile(`${folder}/upstream.pem`, upstreamCa);
    const keys = await generateKeyPair();
    const client = await createProvisionalCertificate(keys, systemClock.now());
    await Deno.writeTextFile(`${folder}/client.pem`, `${client}\n${await privateKeyToPem(keys.privateKey)}`);
    const made = await new Deno.Command(helper, { args: ["-c", ...database.split(" ")], stdout: "null" })
      .output();
    if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
    return await squidCommand(folder, [
      `http_port 127.0.0.1:${port} ssl-bump tls-cert=${folder}/ca.pem generate-host-certificates=on`,
      `sslcrtd_program ${helper} ${database}`,
      "sslcrtd_children 1 startup=1 idle=1",
      // It has no key for the agent's certificate; one of its own is all that it can show upstream.
      `tls_outgoing_options cafile=${folder}/upstream.pem cert=${folder}/client.pem`,
      // With a look at the server first, the certificate that is made resembles the server's.
      "acl first at_step SslBump1",
      "ssl_bump peek first",
      "ssl_bump bump all",
      "http_access allow all",
      ...upgrades ? ["http_upgrade_request_protocols OTHER allow all"] : [],
    ]);
  });
}

async function squidCommand(folder: string, settings: string[]): Promise<ProxyCommand> {
  const common = [
    "logformat requests %rm %ru %>Hs",
    `access_log stdio:${folder}/log requests`,
    `cache_log ${folder}/cache.log`,
    `coredump_dir ${folder}`,
    "visible_hostname proxy.company.example",
    "pid_filename none",
    "pinger_enable off",
    "cache deny all",
    "cache_mem 0 MB",
    "netdb_filename none",
  ];
  await Deno.writeTextFile(`${folder}/squid.conf`, [...settings, ...common, ""].join("\n"));
  const command = { command: "squid", args: ["-N", "-f", `${folder}/squid.conf`] };
  if (Deno.uid() !== 0) return command;
  await new Deno.Command("chown", { args: ["-R", `${UNPRIVILEGED}:${UNPRIVILEGED}`, folder] }).output();
  return { ...command, uid: UNPRIVILEGED };
}

/** How squid was built. */
function about(): Promise<string | undefined> {
  return firstWordsOf("squid", "-v");
}

/** The folder of its helpers. */
function helpersOf(about: string | undefined): string | undefined {
  return about?.match(/--libexecdir=([^' ]+)/)?.[1];
}
