import type { Log } from "../base/log.ts";
import { readCaFile } from "../uplink/ca_file.ts";
import type { OperatorCas } from "../uplink/tls_client.ts";
import { CA_FILE } from "./home.ts";

/**
 * The CAs of `ca.pem` in this home, read anew at each call; what changed, or is wrong with it, is logged once. The
 * connection is tried with what is good of it: to refuse would protect nobody, since no CA replaces the platform's
 * proof, and an agent that is offline cannot even be told what is wrong with its file.
 */
export function operatorCas(log: Log): OperatorCas {
  let told = "[]";
  return async () => {
    const file = await readCaFile(CA_FILE);
    const { cas, problems } = file;
    const state = JSON.stringify([...cas.map(({ facts }) => facts.fingerprint), ...problems]);
    if (state !== told) {
      told = state;
      log.info(`the CAs that ${CA_FILE} adds to those that TLS trusts`, { certificates: cas.length });
      if (problems.length > 0) {
        log.error(`a part of ${CA_FILE} is of no use and is left out`, { reason: problems.join("; ") });
      }
    }
    return file;
  };
}
