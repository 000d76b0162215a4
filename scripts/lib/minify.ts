import { transform } from "esbuild";

/**
 * Takes out of a bundled ES module what only people need. `deno bundle --minify` cannot serve: its esbuild writes a
 * value into the one place where it is used, also when it was declared with `using`, and then nothing disposes of it
 * (https://github.com/evanw/esbuild/issues/4482, mended in 0.28.1).
 */
export async function minify(code: string): Promise<string> {
  const { code: minified } = await transform(code, { minify: true, format: "esm", target: "esnext" });
  const [before, after] = [usingCount(code), usingCount(minified)];
  if (after < before) throw new Error(`of ${before} \`using\` declarations, ${before - after} were lost`);
  return minified;
}

function usingCount(code: string): number {
  return [...code.matchAll(/\busing [\w$]+ ?=/g)].length;
}
