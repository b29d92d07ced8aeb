// What an epoch selector remembers as a part of a training's state: numbers as JSON in `extra.selection`, the parameters of the best
// epoch as tensors `extra.best.…`. A training resumed from it stops at the same epoch and keeps the same bits.

import { learnedPriors } from '../../core/layerPriors.ts';
import { layerShape } from '../../core/layers/index.ts';
import type { LayerPosterior } from '../../core/posterior.ts';
import { layerTensors, tensorParameters } from '../../core/posteriors/layerTensors.ts';
import type { ParameterName } from '../../core/posteriors/posteriorFamily.ts';
import type { TrainingProblem } from '../../core/training/problem.ts';
import type { StateTensor, TrainingState } from '../../core/training/trainingState.ts';
import { CheckpointError } from '../../errors.ts';
import type { EpochSelector, SelectionState } from './earlyStopping.ts';

const PREFIX = 'extra.best.';
const NOISE = `${PREFIX}noiseScale`;

/** How epochs were chosen, and what came of it until here. */
interface SavedSelection extends Omit<SelectionState, 'kept'> {
  readonly by: EpochSelector['by'];
}

/** What tensors there are depends on. */
type Parameterized = Pick<TrainingProblem, 'model' | 'family'>;

/** The selector's part of a state; nothing without one. */
export function selectionExtra(
  selector: EpochSelector | null,
  { model: { layers }, family }: Parameterized,
): Pick<TrainingState, 'tensors' | 'extra'> {
  if (selector === null) return { tensors: [], extra: {} };
  const { kept, ...numbers } = selector.state();
  const selection: SavedSelection = { by: selector.by, ...numbers };
  if (kept === null) return { tensors: [], extra: { selection } };
  const tensors = kept.layers.flatMap((layer, l) =>
    tensorParameters(family).map(([part, name]): StateTensor => {
      const { weightShape, O } = layerShape(layers[l]);
      const shape = part === 'weight' ? weightShape : [O];
      return { name: tensorName(l, part, name), shape, data: layer[part][name] };
    }),
  );
  const priors = kept.layers.flatMap(({ prior }, l): StateTensor[] =>
    prior === undefined ? [] : [{ name: priorName(l), shape: [prior.length], data: prior }],
  );
  const noise = kept.noiseScale;
  const point = noise === null ? [] : [{ name: NOISE, shape: [noise.length], data: noise }];
  return { tensors: [...tensors, ...priors, ...point], extra: { selection } };
}

/**
 * Puts a selector where it was when the state was made.
 * @throws CheckpointError when the state was made with other options of choosing an epoch, or lacks what it says it has
 */
export function resumeSelection(
  selector: EpochSelector | null,
  state: TrainingState,
  problem: Parameterized,
): void {
  const saved = state.extra.selection as SavedSelection | undefined;
  const [was, is] = [saved?.by ?? null, selector?.by ?? null].map((by) => JSON.stringify(by));
  if (was !== is) {
    throw new CheckpointError(
      `resume: expected a state whose epochs are chosen by ${is}, got ${was} — give the options it was saved with`,
    );
  }
  if (saved === undefined || selector === null) return;
  const { best, improved, stopped } = saved;
  selector.restore({ best, improved, stopped, kept: best === null ? null : keptOf(state, problem) });
}

function tensorName(layer: number, part: 'weight' | 'bias', name: ParameterName): string {
  return `${PREFIX}layers.${layer}.${part}.${name}`;
}

function priorName(layer: number): string {
  return `${PREFIX}layers.${layer}.prior`;
}

function keptOf({ tensors }: TrainingState, { model, family }: Parameterized): SelectionState['kept'] {
  const { layers, outputSize } = model;
  const learned = learnedPriors(model);
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor.data]));
  const take = (name: string, size: number): Float32Array => {
    const data = found.get(name);
    if (data instanceof Float32Array && data.length === size) return data;
    const got = data === undefined ? 'none' : `${data.length} of ${data.constructor.name}`;
    throw new CheckpointError(
      `resume: expected a tensor ${name} of ${size} float32 numbers, got ${got} — the state is damaged`,
    );
  };
  return {
    layers: layers.map((spec, l): LayerPosterior => {
      const { I, O } = layerShape(spec);
      const layer = layerTensors(family, (tensor, name) =>
        take(tensorName(l, tensor, name), tensor === 'weight' ? I * O : O),
      );
      const own = learned[l];
      const prior = own === null ? {} : { prior: take(priorName(l), own.names.length) };
      return { ...layer, ...prior };
    }),
    noiseScale: found.has(NOISE) ? take(NOISE, outputSize) : null,
  };
}
