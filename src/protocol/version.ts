/**
 * The version of what Sallyport adds to OpAMP: its custom messages, the platform's proof, the enrolment. Both
 * sides say theirs.
 *
 * | version | what changed |
 * |---|---|
 * | 1 | proof, enrolment, tracking, sealed polling, certificate, data |
 */
export const PROTOCOL_VERSION = 1;
