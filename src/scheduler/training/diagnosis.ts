// When a training is diagnosed and with what: reads parameters and moments where they lie between two stretches of steps, says
// each warning once. Reading takes the main thread a few nanoseconds a weight; nothing is written.

import type { Arena } from '../../backend/arena.ts';
import { diagnosePanels, type ModelDiagnostics } from '../../core/diagnostics/diagnostics.ts';
import { type DiagnosticWarning, diagnosticWarnings } from '../../core/diagnostics/diagnosticWarnings.ts';
import { riseOf } from '../../core/klWeightings/index.ts';
import { layerPriors } from '../../core/layerPriors.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { predictedColumns, targetColumns } from '../../core/likelihoods/sizes.ts';
import { createOptimizer } from '../../core/optimizers/index.ts';
import { createFamily } from '../../core/posteriors/index.ts';
import { LearnedPriors } from '../../core/training/learnedPriors.ts';
import { dataWeight, stepPlace, stepsPerEpoch, type TrainingProblem } from '../../core/training/problem.ts';
import { weightedTargets } from '../../core/training/rowWeights.ts';
import type { TrainingMemory } from '../../core/training/trainingMemory.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { WarningRecord } from './warningRecord.ts';

/** What is seen at the end of an epoch. */
export interface Diagnostics extends ModelDiagnostics {
  /** nll of the best prediction that does not look at x, in nats per row and the data's own units. */
  readonly baselineNll: number;
  /** What is wrong, in words; a warning is given once and stands until it is withdrawn. */
  readonly warnings: readonly DiagnosticWarning[];
  /** Codes of the warnings that stood and hold no more; absent where there are none. */
  readonly withdrawn?: readonly DiagnosticWarning['code'][];
}

/**
 * Row-draws between two diagnoses that make them cost 1 to 2 % of the training at most: reading a weight takes about as long as training
 * it on 50 rows; that of a tiny network takes a fixed time besides, as long as this many weights times rows.
 */
const ROWS_BETWEEN = 16_384;
const WORK_BETWEEN = 2 ** 25;
/** After fewer steps no training is judged: it may be a try of something else. */
const FEWEST_STEPS = 100;
/** Upper limit per training; more would not be read. */
const DIAGNOSES = 100;

/** Epochs from one diagnosis to the next by default: a function of the problem, so that a log can be repeated. */
export function diagnosisInterval(problem: TrainingProblem, parameterCount: number): number {
  const rows = problem.rowCount * problem.draws;
  const work = Math.max(ROWS_BETWEEN, WORK_BETWEEN / parameterCount);
  return Math.max(1, Math.ceil(work / rows), Math.ceil(problem.epochs / DIAGNOSES));
}

export class Diagnosis {
  /** Epochs from one diagnosis to the next; 0 is never. */
  readonly every: number;
  readonly #record = new WarningRecord();
  #baseline = Number.NaN;
  readonly #learned: LearnedPriors;

  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
    readonly initialRho: number,
    every: number | 'auto',
    readonly warn: (message: string) => void,
  ) {
    this.#learned = new LearnedPriors(problem, memory, arena);
    // What is looked at is sigma.
    const none = createFamily(problem.family).means !== null;
    this.every = none ? 0 : every === 'auto' ? diagnosisInterval(problem, memory.layout.count) : every;
  }

  /** Whether an epoch (from 1) is diagnosed at its end: every n-th and the last. */
  due(epoch: number): boolean {
    return this.every > 0 && (epoch % this.every === 0 || epoch === this.problem.epochs);
  }

  /** Step at which the first epoch that is due after `step` steps ends; the last step or beyond where none is. */
  nextStop(step: number): number {
    if (this.every === 0) return Infinity;
    const span = this.every * stepsPerEpoch(this.problem);
    return (Math.floor(step / span) + 1) * span;
  }

  /** Takes in the nll of an epoch, diagnosed or not: warnings are judged on several. */
  observe(epoch: number, nll: number): void {
    if (this.every > 0) this.#record.observe(epoch, nll);
  }

  /** What a state after `epoch` keeps of the warnings. */
  extra(epoch: number): TrainingState['extra'] {
    return this.#record.extra(epoch);
  }

  /** @throws CheckpointError for a damaged record */
  restore(state: TrainingState): void {
    if (this.every > 0) this.#record.restore(state);
  }

  /** The arena as it is now, at the end of `epoch`; `nll` per row, and what of it is owed to the units of the data. */
  examine(epoch: number, nll: number, unitNll: number): Diagnostics {
    const { problem, memory, arena } = this;
    const { layout } = memory;
    const floats = (address: number) => arena.floats(address, layout.size);
    const gradients = createOptimizer(problem.optimizer).gradientMemory(epoch * stepsPerEpoch(problem));
    const found = diagnosePanels(
      layout,
      floats(memory.mu),
      floats(memory.rho),
      gradients === null
        ? null
        : {
            mu: floats(memory.moments[gradients.mu]),
            rho: floats(memory.moments[gradients.rho]),
            scale: gradients.scale,
          },
      {
        priors: layerPriors(problem.model, this.#learned.values()),
        initialRho: this.initialRho,
        fit: { dataWeight: dataWeight(problem), nll },
      },
    );
    const baseline = this.#baselineNll() + unitNll;
    return { ...found, baselineNll: baseline, ...this.#warnings(epoch, found, baseline) };
  }

  #warnings(
    epoch: number,
    found: ModelDiagnostics,
    baselineNll: number,
  ): Pick<Diagnostics, 'warnings' | 'withdrawn'> {
    const { problem } = this;
    const M = stepsPerEpoch(problem);
    // A fit that has just begun has all of these faults.
    const early = 2 * epoch < problem.epochs || epoch * M < FEWEST_STEPS;
    const warming = riseOf(problem.klWeighting, stepPlace(problem, epoch * M - 1)) < 1;
    if (early || warming) return { warnings: [] };
    const holding = diagnosticWarnings(found, { nll: this.#record.judgedNll(), baselineNll });
    const { given, withdrawn } = this.#record.update(epoch, holding);
    for (const { message } of [...withdrawn, ...given]) this.warn(`train: epoch ${epoch}: ${message}`);
    return {
      warnings: given,
      ...(withdrawn.length === 0 ? {} : { withdrawn: withdrawn.map(({ code }) => code) }),
    };
  }

  /** In the units the network is trained in. */
  #baselineNll(): number {
    if (!Number.isNaN(this.#baseline)) return this.#baseline;
    const { problem, memory, arena } = this;
    const { baselineNll } = createLikelihood(problem.likelihood);
    const targets = trainingTargets(problem, memory, arena);
    const weights = trainingWeights(problem, memory, arena);
    this.#baseline = baselineNll(
      weights === null ? targets : weightedTargets(targets, targets.length / weights.length, weights),
      predictedColumns(problem),
    );
    return this.#baseline;
  }
}

/** The targets of a training where they lie: labels, or values [N, K]. */
export function trainingTargets(
  problem: TrainingProblem,
  memory: TrainingMemory,
  arena: Arena,
): Int32Array | Float32Array {
  const { likelihood, rowCount } = problem;
  const first = memory.targets / 4;
  if (createLikelihood(likelihood).targets === 'labels') return arena.i32.subarray(first, first + rowCount);
  return arena.f32.subarray(first, first + rowCount * targetColumns(problem));
}

/** The weights of a training's rows, of mean 1, where they lie; null where rows have none. */
export function trainingWeights(
  { totalWeight, rowCount }: TrainingProblem,
  memory: TrainingMemory,
  arena: Arena,
): Float32Array | null {
  return totalWeight === undefined ? null : arena.floats(memory.weights, rowCount);
}
