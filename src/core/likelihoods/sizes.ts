// How many numbers a likelihood has of a row: targets, and columns of its predictions, from the outputs of the network.

import { createLikelihood, type LikelihoodSpec } from './index.ts';

/** A model, or what was made with one, and how its outputs are read. */
interface Read {
  readonly model: { readonly outputSize: number };
  readonly likelihood: LikelihoodSpec;
}

/** Columns of a prediction: one per target, or per class. */
export function predictedColumns({ model, likelihood }: Read): number {
  return model.outputSize / (createLikelihood(likelihood).heads ?? 1);
}

/** Columns of the targets: one label a row, or one value per target. */
export function targetColumns(of: Read): number {
  return createLikelihood(of.likelihood).targets === 'labels' ? 1 : predictedColumns(of);
}

/** What is wrong with the number of outputs; null where it fits. */
export function outputsProblem({
  model: { outputSize },
  likelihood,
}: Read): { readonly expected: string; readonly got: string; readonly next: string } | null {
  const { heads = 1, kind } = createLikelihood(likelihood);
  if (outputSize % heads === 0) return null;
  return {
    expected: `${heads} outputs per target for ${kind}`,
    got: `${outputSize} in all`,
    next: `build the model with ${heads} times as many outputs as targets`,
  };
}
