/**
 * The version of what Sallyport adds to OpAMP: its custom messages, the platform's proof, the enrolment. Both
 * sides say theirs; a platform serves agents down to `OLDEST_SERVED`.
 *
 * | version | what changed |
 * |---|---|
 * | 1 | proof, enrolment, tracking |
 */
export const PROTOCOL_VERSION = 1;
export const OLDEST_SERVED = 1;
