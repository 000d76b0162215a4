/** Something that takes bytes from outside. */
export interface FuzzTarget {
  name: string;
  /** Tokens of its language, to be spliced into inputs. */
  dictionary: readonly string[];
  /**
   * Tries one input. It throws when the code under test does what it must not: throws an error that is none of the
   * house's, accepts what it then cannot handle, or says something else the second time.
   */
  run(input: Uint8Array<ArrayBuffer>): void | Promise<void>;
}
