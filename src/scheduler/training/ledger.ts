// What an epoch came to: the step losses and KLs that workers leave in the arena, added up and stated per training row
// (of weighted rows: per unit of weight).

import type { Arena } from '../../backend/arena.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import {
  batchRows,
  dataWeight,
  learningRate,
  stepsPerEpoch,
  type TrainingProblem,
} from '../../core/training/problem.ts';
import { weightedMean } from '../../core/training/rowWeights.ts';
import { EPOCH_RECORDS, STEP_RECORDS, type TrainingMemory } from '../../core/training/trainingMemory.ts';
import { log } from '../../math/float64.ts';
import { Diagnosis, trainingTargets, trainingWeights } from './diagnosis.ts';
import type { PreparedTraining } from './prepared.ts';
import type { TrainingReport } from './reports.ts';

export class Ledger {
  readonly problem: TrainingProblem;
  readonly diagnosis: Diagnosis;
  /**
   * Σ step loss·(rows of the step / batchSize) over the epoch under way, so that each row counts once; part of a snapshot. Only the last step of an
   * epoch can have fewer rows, so within an epoch this is the plain sum that older states hold.
   */
  epochLoss = 0;
  /**
   * Σ log scale of standardized targets, which turns a density per standardized unit into one per unit of the data; and what the loss of a row
   * leaves out.
   */
  readonly #logUnit: number;
  readonly #perEpoch: number;
  #entered = 0;

  constructor(
    {
      problem,
      standardization,
      initialRho,
    }: Pick<PreparedTraining, 'problem' | 'standardization' | 'initialRho'>,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
    diagnoseEvery: number | 'auto',
    warn: (message: string) => void,
  ) {
    this.problem = problem;
    this.diagnosis = new Diagnosis(problem, memory, arena, initialRho, diagnoseEvery, warn);
    this.#perEpoch = stepsPerEpoch(problem);
    const targets = standardization.targets?.scale ?? new Float64Array();
    this.#logUnit = targets.reduce((sum, scale) => sum + log(scale), 0) + constantNll(problem, memory, arena);
  }

  /** Continues after the last step of another ledger, which has already reported the epochs before it. */
  resume(step: number, epochLoss: number): void {
    this.epochLoss = epochLoss;
    this.#entered = Math.floor(step / this.#perEpoch);
  }

  /** Reads the records of steps from … to − 1; yields the epochs they complete, each once however often it was computed. */
  *enter(
    from: number,
    to: number,
  ): Generator<Omit<TrainingReport, 'validation' | 'seconds' | 'best' | 'stopped'>> {
    const { stepLoss, epochKl } = this.memory;
    const { f64 } = this.arena;
    const { rowCount, batchSize } = this.problem;
    for (let step = from; step < to; step++) {
      const loss = f64[stepLoss / 8 + (step % STEP_RECORDS)];
      this.epochLoss += loss * (batchRows(this.problem, step) / this.problem.batchSize);
      if ((step + 1) % this.#perEpoch !== 0) continue;
      const epoch = (step + 1) / this.#perEpoch;
      const nll = this.epochLoss / (rowCount / batchSize) + this.#logUnit;
      this.epochLoss = 0;
      if (epoch <= this.#entered) continue;
      this.#entered = epoch;
      this.diagnosis.observe(epoch, nll);
      const kl = f64[epochKl / 8 + ((epoch - 1) % EPOCH_RECORDS)] / dataWeight(this.problem);
      yield {
        epoch,
        step: step + 1,
        elbo: -(nll + kl),
        nll,
        kl,
        learningRate: learningRate(this.problem, step),
        // Only the last of these steps has the parameters that are in the arena now; stretches end where a diagnosis is due.
        ...(step + 1 === to && Number.isFinite(kl) && this.diagnosis.due(epoch)
          ? { diagnostics: this.diagnosis.examine(epoch, nll, this.#logUnit) }
          : {}),
      };
    }
  }
}

/** nll per row that the loss leaves out, with the weights of the rows. */
function constantNll(problem: TrainingProblem, memory: TrainingMemory, arena: Arena): number {
  const K = predictedColumns(problem);
  const { constantNll: of } = createLikelihood(problem.likelihood);
  if (of === undefined) return 0;
  const targets = trainingTargets(problem, memory, arena);
  const weights = trainingWeights(problem, memory, arena);
  if (weights === null) return of(targets, K);
  const columns = targets.length / weights.length;
  return weightedMean(weights, (row) => of(targets.subarray(row * columns, (row + 1) * columns), K));
}
