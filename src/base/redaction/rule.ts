/** A stretch of a text, from `start` up to and without `end`. */
export interface Span {
  start: number;
  end: number;
}

/** One kind of secret: what it is called, and where in a text there are any. Takes time in proportion to the text. */
export interface RedactionRule {
  /** Stands in the place of what was found: small letters, digits, spaces and "-", or the built-in names. */
  readonly name: string;
  find(text: string): Iterable<Span>;
}
