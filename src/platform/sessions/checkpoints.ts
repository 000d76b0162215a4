import type { Log } from "../../base/log.ts";
import type { Attributes } from "../../protocol/attributes.ts";
import { CHECKPOINT_ATTRIBUTE, parseCheckpoint } from "../../protocol/checkpoint.ts";
import type { Context } from "../context.ts";

/** Notes the checkpoint that an agent's description names, and says so when it contradicts an earlier one. */
export async function noteCheckpoint(
  uid: string,
  attributes: Attributes,
  { clock, store }: Pick<Context, "clock" | "store">,
  log: Log,
): Promise<void> {
  const mark = parseCheckpoint(attributes[CHECKPOINT_ATTRIBUTE] ?? "");
  if (!mark) return;
  const before = await store.checkpoints.note(uid, mark, clock.now());
  if (!before) return;
  log.warn("the ledger of an agent was cut, written anew, restored from a backup, or goes on in a clone", {
    checkpoint: mark.number,
    before: before.number,
  });
}
