/**
 * English messages for `zod/mini`, which has none of its own and would only say "Invalid input". What the agent keeps
 * in memory for as long as it runs uses the small variant: it costs 3 MiB less.
 */
import { en } from "zod/locales";
import { config } from "zod/mini";

config(en());
