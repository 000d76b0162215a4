import { isEnrolled, loadIdentity } from "../identity/identity.ts";
import { baked, BUILD } from "./build.ts";
import { STATE_FOLDER } from "./home.ts";

/** `host:port` of the platform: the one that is baked in, or that of the enrolment; undefined before there is any. */
export async function platformAddress(): Promise<string | undefined> {
  const address = baked(BUILD.platform);
  if (address !== undefined) return address;
  return await isEnrolled(STATE_FOLDER) ? (await loadIdentity(STATE_FOLDER)).enrolment.platform : undefined;
}
