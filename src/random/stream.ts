// The address of a random number: what it is for, which step, draw and tensor, and its index there.
// Every number is a function of (key, address) alone; nothing remembers which were made before.

/** What noise is used for; different purposes never share a number. */
export const PURPOSE = {
  /** ε of the weights in training. */
  weight: 1,
  /** ε of the weights, and of the likelihood, in predictions. */
  predictive: 2,
  /** Initial values. */
  initial: 3,
  /** Synthetic data. */
  synthetic: 4,
  /** Settings of a random search. */
  search: 5,
  /** ε of pre-activations in marginal predictions, at step 0 and index 16·unit for every row: a row's bits are its own wherever it stands. */
  marginal: 6,
  /** Orders of rows: the epoch stands where the step does. */
  order: 7,
  /** ε of pre-activations in training: the row of the minibatch stands where the step does, step·draws + draw where the draw does. */
  local: 8,
  /** Signs of flipout: the highest bit of the words of a panel of rows, tensor 2·layer for inputs and 2·layer + 1 for outputs. */
  flip: 9,
  /** Masks of dropout in training: the words of a panel of rows, one row a channel. */
  dropout: 10,
} as const;
export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

/** Tensors a purpose can tell apart. */
export const MAX_TENSORS = 2 ** 24;

/**
 * The word that stands for a purpose and a tensor: purpose · 2^24 + tensor.
 *
 * Number `index` of a stream at (step, draw) is made from Philox4x32-10 under the key of the seed, with the
 * counter
 *
 *     c0 = block, c1 = step, c2 = draw, c3 = stream     block = (index >>> 6)·16 + (index & 15)
 *
 * and belongs to output word (index >>> 4) & 3. So 64 indices are 16 consecutive blocks, and word j of these
 * is 16 consecutive numbers, one row of a panel: whatever the width of a vector, nothing has to be shuffled.
 *
 * @throws RangeError for a tensor that is not an integer from 0 to 2^24 − 1
 */
export function stream(purpose: Purpose, tensor: number): number {
  if (!Number.isInteger(tensor) || tensor < 0 || tensor >= MAX_TENSORS) {
    throw new RangeError(
      `stream: expected a tensor number from 0 to ${MAX_TENSORS - 1}, got ${tensor} — number tensors from 0`,
    );
  }
  return purpose * MAX_TENSORS + tensor;
}

/** Block (counter word 0) and output word of an index, as told at `stream`. */
export function locate(index: number): { block: number; word: number } {
  return { block: Math.floor(index / 64) * 16 + (index & 15), word: (index >>> 4) & 3 };
}
