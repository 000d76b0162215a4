import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { sha256Hex } from "../../base/digest.ts";
import { SallyportError } from "../../base/errors.ts";
import { MAX_API_BODY_BYTES } from "../../base/limits.ts";
import type { Right, TokenStore } from "../store/tokens.ts";
import { errorBody } from "./errors.ts";
import type { ApiEnv } from "./routes.ts";

const REMEDY =
  "Send the header Authorization: Bearer TOKEN; the platform printed the first one at its first start.";

/**
 * Lets nobody pass without a token. Looking up its SHA-256 needs no comparison in constant time: what can be
 * measured of it tells about hashes, and no hash leads back to a token of 256 random bits.
 */
export function requireToken(tokens: TokenStore) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const token = c.req.header("authorization")?.match(/^Bearer ([A-Za-z0-9_-]{20,200})$/i)?.[1];
    const owner = token === undefined ? undefined : await tokens.owner(sha256Hex(token));
    if (owner === undefined) {
      const message = token === undefined
        ? "the request has no bearer token"
        : "the bearer token is not valid";
      c.header("WWW-Authenticate", "Bearer");
      return errorBody(c, 401, new SallyportError("request.unauthorised", message, { remedy: REMEDY }));
    }
    c.set("who", owner.name);
    c.set("rights", owner.rights);
    await next();
  });
}

/** Whatever changes something needs the right to administer; asking agents for something has rights of its own. */
export const requireRight = createMiddleware<ApiEnv>(async (c, next) => {
  const isAboutRequests = /^\/api\/v1\/(agents\/[^/]+\/)?requests(\/|$)/.test(c.req.path);
  if (c.req.method !== "GET" && !isAboutRequests) demandRight(c.get("who"), c.get("rights"), "administer");
  await next();
});

/**
 * Checks that a token's owner has a right.
 *
 * @throws {SallyportError} `request.forbidden`
 */
export function demandRight(who: string, rights: readonly Right[], right: Right): void {
  if (rights.includes(right)) return;
  const has = rights.length === 0 ? "none" : rights.join(", ");
  throw new SallyportError(
    "request.forbidden",
    `this needs the right "${right}"; the rights of ${who}: ${has}`,
    {
      remedy: "Ask whoever administers the platform for a token with that right.",
    },
  );
}

/** Bodies over the limit are refused before they are read. */
export const limitBody = bodyLimit({
  maxSize: MAX_API_BODY_BYTES,
  onError: (c) =>
    errorBody(
      c,
      413,
      new SallyportError("request.invalid", `the body has more than ${MAX_API_BODY_BYTES} bytes`, {
        remedy: "Send less in one request.",
      }),
    ),
});

const HEADERS = {
  // The console needs nothing but its own files; nothing may frame it, and nothing inline may run in it.
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** The headers of every answer. */
export const securityHeaders = createMiddleware(async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
  if (c.req.path.startsWith("/api/")) c.header("Cache-Control", "no-store");
});
