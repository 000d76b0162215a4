import type { Clock } from "../../base/clock.ts";
import { exists } from "../../base/files.ts";
import { readCaFile } from "../../uplink/ca_file.ts";
import { baked, BUILD } from "../build.ts";
import { CA_FILE, STATE_FOLDER } from "../home.ts";
import { caCheck } from "./ca.ts";
import type { Check } from "./check.ts";
import { skipped } from "./check.ts";
import { checkDisk, checkHalves, checkHome, connectionCheck } from "./home.ts";
import { certificateCheck, checkIdentity } from "./identity.ts";
import { checkNetwork } from "./network.ts";
import { checkPolicy } from "./policy.ts";
import { checkState } from "./state.ts";

/**
 * Looks at everything that the agent needs, from its home to the platform, and says of each how it is. It sends
 * no message, and the platform does not take it for the agent, whether that runs or not.
 */
export async function examine({ clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<Check[]> {
  const home = await checkHome();
  // As another user, even to open the database would leave files that the agent cannot write.
  if (home.verdict === "fail") return [home, skipped("everything else", "the home comes first")];

  const { check: identityCheck, identity } = await checkIdentity();
  const { checks: stateChecks, connection, hasProcesses } = await checkState(clock);
  const halves = await checkHalves(hasProcesses, identity !== undefined);
  const agentRuns = halves.some(({ name, verdict }) => name === "gatehouse" && verdict === "ok");
  const authority = identity?.enrolment.platform ?? baked(BUILD.platform);
  const file = await readCaFile(CA_FILE);
  return [
    home,
    await exists(STATE_FOLDER) ? await checkDisk(clock) : skipped("disk", "there is no state/ yet"),
    identityCheck,
    certificateCheck(identity?.certificateFacts, clock.now()),
    await checkPolicy(clock),
    ...stateChecks,
    ...halves,
    ...agentRuns ? [connectionCheck(connection, clock.now())] : [],
    caCheck(identity?.enrolment.ca, file, clock.now()),
    ...await checkNetwork({ authority, identity, file, clock, signal }),
  ];
}
