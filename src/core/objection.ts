// What a method says when it cannot work with something else of a problem, so that the edge can refuse it in words.

/** The option that a method cannot work with, what it takes there, what it was given, and what helps. */
export interface Objection {
  readonly option: string;
  readonly expected: string;
  readonly got: string;
  readonly next: string;
}
