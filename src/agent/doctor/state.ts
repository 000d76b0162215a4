import type { Clock } from "../../base/clock.ts";
import { inWords } from "../../base/clock.ts";
import { asSallyportError, messageOf } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import { createDeployments } from "../../engine/deployments.ts";
import type { SpoolCount } from "../../spool/spool.ts";
import { Spool, SPOOL_WARN_SHARE } from "../../spool/spool.ts";
import type { ConnectionFacts } from "../connection_record.ts";
import { readConnection } from "../connection_record.ts";
import { DATABASE_PATH, openState } from "../home.ts";
import { setAsideHere } from "../salvage/conditions.ts";
import type { SetAside } from "../salvage/record.ts";
import { setAsideText } from "../salvage/record.ts";
import type { Check } from "./check.ts";
import { fail, ok, skipped, warn } from "./check.ts";

/** Records that wait longer than this tell of a connection that is gone, or of a platform that takes nothing. */
const SPOOL_AGE_WARN_MS = 15 * 60_000;

/** What the state database tells the other checks. */
export interface StateFacts {
  checks: Check[];
  connection: ConnectionFacts | undefined;
  hasProcesses: boolean;
}

/** Whether the state database can be read, and what waits in it to be sent. */
export async function checkState(clock: Clock): Promise<StateFacts> {
  const nothing = { connection: undefined, hasProcesses: false };
  if (!await exists(DATABASE_PATH)) {
    const reason = "there is none yet: the agent has not run in this home";
    return { checks: [skipped("database", reason), skipped("spool", reason)], ...nothing };
  }
  try {
    const db = openState();
    try {
      return {
        checks: [
          databaseCheck(await setAsideHere(db)),
          spoolCheck(new Spool(db, clock).counts(), clock.now()),
        ],
        connection: readConnection(db),
        hasProcesses: createDeployments(db).processes().length > 0,
      };
    } finally {
      db.close();
    }
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const remedy = error.remedy ?? "Check the folder's owner and free room.";
    return {
      checks: [fail("database", messageOf(error), remedy), skipped("spool", "the database cannot be read")],
      ...nothing,
    };
  }
}

function databaseCheck(setAside: readonly SetAside[]): Check {
  const readable = `${DATABASE_PATH} can be read`;
  if (setAside.length === 0) return ok("database", readable);
  return warn(
    "database",
    [`${readable}, but it was damaged before`, ...setAside.map(setAsideText)].join("; "),
    "Look after the disk. Take the files that were set aside out of state/ when you need nothing of them.",
  );
}

/** What waits to be sent, and for how long. */
export function spoolCheck(counts: readonly SpoolCount[], now: number): Check {
  const name = "spool";
  if (counts.length === 0) return ok(name, "nothing waits to be sent");
  const age = now - Math.min(...counts.map(({ oldest }) => oldest));
  const waiting = counts.reduce((sum, each) => sum + each.waiting, 0);
  const reason = `${waiting} records wait to be sent, the oldest for ${inWords(age)}`;
  const full = counts.find(({ quotaUsed }) => quotaUsed >= SPOOL_WARN_SHARE);
  if (full) {
    const share = `${full.channel} takes ${
      Math.floor(full.quotaUsed * 100)
    } % of the room that it has in the spool`;
    const remedy = "When it is full the oldest are dropped, and counted: bring the connection back before.";
    return warn(name, `${reason}; ${share}`, remedy);
  }
  if (age <= SPOOL_AGE_WARN_MS) return ok(name, reason);
  return warn(
    name,
    reason,
    "Nothing is lost: they are sent once the connection stands. See the lines above.",
  );
}
