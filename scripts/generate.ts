/**
 * Regenerates `src/protocol/generated/opamp_pb.ts` from `src/protocol/opamp.proto`, with `buf` as the parser
 * and `protoc-gen-es` run under this very runtime (elsewhere another version could be picked up silently).
 */
import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));
const plugin = [Deno.execPath(), "run", "-A", "--no-config", "npm:@bufbuild/protoc-gen-es@2.17.0"];
const template = {
  version: "v2",
  plugins: [{ local: plugin, out: "src/protocol/generated", opt: ["target=ts", "import_extension=ts"] }],
};
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    "-A",
    "--no-config",
    "npm:@bufbuild/buf@1.70.0",
    "generate",
    "src/protocol",
    "--template",
    JSON.stringify(template),
  ],
  cwd: root,
  stdout: "inherit",
  stderr: "inherit",
}).spawn().status;
Deno.exit(code);
