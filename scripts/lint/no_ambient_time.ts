/**
 * Time is injected: code that reads the machine's clocks or sets timers by itself cannot be tested at speed.
 * Only `src/base/clock.ts` may. Scripts and tests are outside the rule, and so is what runs in a browser.
 */
const ALLOWED = /\/(scripts|tests)\/|\/src\/base\/clock\.ts$|\/src\/platform\/console\/assets\//;
const TIMERS = new Set(["setTimeout", "setInterval"]);
const HINT =
  "Take a Clock (src/base/clock.ts) as a parameter, and call now(), monotonic(), after() or sleep().";

const plugin: Deno.lint.Plugin = {
  name: "sallyport",
  rules: {
    "no-ambient-time": {
      create(context) {
        if (ALLOWED.test(context.filename.replaceAll("\\", "/"))) return {};
        const report = (node: Deno.lint.Node, what: string) =>
          context.report({ node, message: `${what} is ambient time`, hint: HINT });
        return {
          "MemberExpression[object.name='Date'][property.name='now']": (node: Deno.lint.Node) =>
            report(node, "Date.now"),
          "MemberExpression[object.name='performance'][property.name='now']": (node: Deno.lint.Node) =>
            report(node, "performance.now"),
          "NewExpression[callee.name='Date'][arguments.length=0]": (node: Deno.lint.Node) =>
            report(node, "new Date()"),
          CallExpression(node) {
            if (node.callee.type === "Identifier" && TIMERS.has(node.callee.name)) {
              report(node, node.callee.name);
            }
          },
        };
      },
    },
  },
};

export default plugin;
