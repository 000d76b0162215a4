import type { Clock } from "../../base/clock.ts";
import { readPolicyFile } from "../policy/policy_file.ts";
import type { Check } from "./check.ts";
import { fail, ok } from "./check.ts";

/** Whether the owner's policy can be used: without that nothing but a bare status leaves. */
export async function checkPolicy(clock: Clock, path?: string): Promise<Check> {
  const name = "policy";
  const { source, fault } = await readPolicyFile(clock.now(), path);
  if (fault) {
    const [first = "", ...more] = fault.message.split("\n");
    const others = more.length === 0 ? "" : `, and ${more.length} more`;
    return fail(
      name,
      `nothing leaves but a bare status: ${first}${others}`,
      "sallyport policy check, and correct the file: the agent takes it over by itself.",
    );
  }
  return ok(name, source === "default" ? "there is no policy.yaml; the default holds" : `${source} is valid`);
}
