import { redactor } from "../redactor.ts";
import type { Redact } from "../redactor.ts";
import type { RedactionRule } from "../rule.ts";
import { cardNumber } from "./card_number.ts";
import { connectionString } from "./connection_string.ts";
import { emailAddress } from "./email_address.ts";
import { iban } from "./iban.ts";
import { password } from "./password.ts";
import { privateKey } from "./private_key.ts";
import { token } from "./token.ts";

/** The rules that always apply: nothing switches them off. */
export const BUILT_IN_RULES: readonly RedactionRule[] = [
  privateKey,
  connectionString,
  password,
  token,
  cardNumber,
  iban,
  emailAddress,
];

/** Takes out what the built-in rules find. */
export const redactBuiltIn: Redact = redactor(BUILT_IN_RULES);
