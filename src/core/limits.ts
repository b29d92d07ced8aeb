// The largest sizes anything here can be asked for. Every edge (library, config, command line, saved files) checks them before work
// begins, so that a size that cannot work ends in one line instead of an engine that aborts.

/** Weight layers of a network. Deeper networks of independent weights do not train. */
export const MAX_LAYERS = 1024;

/** Inputs or outputs of one layer. */
export const MAX_UNITS = 2 ** 24;

/** Numbers in one parameter buffer, padding included: a training holds at least four such buffers in 4 GiB. */
export const MAX_PARAMETERS = 2 ** 28;

/** Rows of a table: their numbers are int32. */
export const MAX_ROWS = 2 ** 31 - 1;

/** Members of an ensemble. */
export const MAX_MEMBERS = 65_536;

/** Draws of a prediction or of a step: quantiles hold all draws of 16 rows at once, 640 MB an output at this limit. */
export const MAX_DRAWS = 10_000_000;

/** Draws of a prediction that asks for no number of them. */
export const DEFAULT_DRAWS = 100;

/** Optimizer steps of a training: workers count them in an int32. */
export const MAX_STEPS = 2 ** 31 - 1;

/** Bytes of the memory that the workers of one call share: what a 32-bit address reaches. */
export const MAX_ARENA_BYTES = 2 ** 32;

/**
 * What is wrong with the sizes of a network, or null.
 * @param widths of the input, of each hidden layer and of the output, in their order
 */
export function networkProblem(
  widths: readonly number[],
): { readonly expected: string; readonly got: string } | null {
  const layers = widths.length - 1;
  if (layers > MAX_LAYERS) return { expected: `at most ${MAX_LAYERS} layers`, got: `${layers}` };
  const wide = widths.find((width) => width > MAX_UNITS);
  if (wide !== undefined) return { expected: `at most ${MAX_UNITS} units a layer`, got: `${wide}` };
  let parameters = 0;
  // As core/parameters.ts lays them out: panels of 16 outputs, a row for the bias, rows in fours.
  for (let l = 1; l < widths.length; l++)
    parameters += Math.ceil(widths[l] / 16) * 16 * Math.ceil((widths[l - 1] + 1) / 4) * 4;
  if (parameters <= MAX_PARAMETERS) return null;
  return { expected: `at most ${MAX_PARAMETERS} weights and biases`, got: `${parameters}` };
}
