import type { BrowserKind } from "./browse/browser.ts";
import { diskBrowser } from "./disk/browser.ts";
import { mysqlBrowser } from "./mysql/browser.ts";
import { openApiBrowser } from "./openapi/browser.ts";
import { postgresBrowser } from "./postgres/browser.ts";
import { sqliteBrowser } from "./sqlite/browser.ts";

/** Everything that can be browsed, as it is named in `connections.yaml`. */
export const BROWSERS = [
  diskBrowser,
  mysqlBrowser,
  openApiBrowser,
  postgresBrowser,
  sqliteBrowser,
] as unknown as readonly BrowserKind[];
