// Which epoch's posterior a training keeps and when it stops early. Judged on held-out rows with the same predictive draws at every
// epoch (never on the noisy ELBO), so epochs are compared on common random numbers and the choice is part of the reproducible result.

import { createLikelihood } from '../../core/likelihoods/index.ts';
import type { ValidationMetric } from '../../core/likelihoods/likelihood.ts';
import type { LikelihoodSpec } from '../../core/model.ts';
import type { Posterior } from '../../core/posterior.ts';
import type { Evaluation, JudgedEpoch, SelectionReport } from './reports.ts';

export type { ValidationMetric };

export interface EarlyStoppingSpec {
  /** Default `nll`. */
  readonly metric?: ValidationMetric;
  /** Training ends at the first validation this many epochs or more after the last improvement. */
  readonly patience: number;
  /** An improvement is more than this below the last one; default 0. */
  readonly minDelta?: number;
}

/** Which epoch's posterior is the result: `best` of the validated ones by the metric (default that of early stopping, else `nll`). */
export type SelectSpec =
  | 'last'
  | 'best'
  | { readonly kind: 'best'; readonly metric?: ValidationMetric | undefined };

/** The options of a training that decide which epoch is kept. */
export interface SelectionOptions {
  readonly earlyStopping?: Required<EarlyStoppingSpec> | undefined;
  readonly select?: SelectSpec | undefined;
  readonly validation?:
    | { readonly every?: number | undefined; readonly draws?: number | undefined }
    | undefined;
}

/** What became of the posterior at the end of an epoch on the validation rows. */
export interface Judgment extends SelectionReport {
  readonly validation: Evaluation;
}

/** How a training came to its result. */
export interface SelectionOutcome {
  /** The epoch whose posterior is the result; null where that is simply the last. */
  readonly selected: JudgedEpoch | null;
  readonly stopped: 'epochs' | 'earlyStopping';
}

/** Everything a selector remembers; plain numbers and arrays, so that a checkpoint can hold it. */
export interface SelectionState {
  readonly best: JudgedEpoch | null;
  /** The last improvement early stopping counts from. */
  readonly improved: JudgedEpoch | null;
  readonly stopped: boolean;
  /** q at the best epoch; null where only the last is asked for. */
  readonly kept: Pick<Posterior, 'layers' | 'noiseScale'> | null;
}

/** What the likelihood's validation metrics are. */
export function validationMetrics(likelihood: LikelihoodSpec): readonly ValidationMetric[] {
  return createLikelihood(likelihood).metrics;
}

/**
 * The selector that options ask for, or null where the last epoch is the result and none is stopped early.
 * @throws RangeError or TypeError for options that do not fit the likelihood or need validation rows that are not there
 */
export function epochSelector(
  { earlyStopping, select, validation }: SelectionOptions,
  likelihood: LikelihoodSpec,
  epochs: number,
): EpochSelector | null {
  const selects = select ?? (earlyStopping === undefined ? 'last' : 'best');
  if (earlyStopping === undefined && selects === 'last') return null;
  const name = earlyStopping === undefined ? 'select' : 'earlyStopping';
  if (validation === undefined) {
    throw new RangeError(
      `train: ${name}: expected validation rows to judge epochs on, got none — pass validation: { x, y }`,
    );
  }
  const metric = (where: string, given: ValidationMetric = earlyStopping?.metric ?? 'nll') => {
    const known = validationMetrics(likelihood);
    if (known.includes(given)) return given;
    throw new TypeError(
      `train: ${where}.metric: expected ${known.join(', ')} for ${likelihood.kind}, got ${String(given)} — use one of these`,
    );
  };
  const rule = earlyStopping === undefined ? null : { ...earlyStopping, metric: metric('earlyStopping') };
  const best = selects === 'last' ? null : metric('select', selects === 'best' ? undefined : selects.metric);
  const { every = 1, draws = null } = validation;
  return new EpochSelector(epochs, best, rule, { every, draws });
}

/**
 * Remembers the best epoch and counts how long none was better. What it does at an epoch depends on that epoch's metrics and the
 * earlier ones only, and reporting an epoch twice is idempotent, so a training may go back some steps.
 */
export class EpochSelector {
  #best: JudgedEpoch | null = null;
  #improved: JudgedEpoch | null = null;
  #stopped = false;
  #kept: SelectionState['kept'] = null;

  /**
   * @param epochs of the whole training
   * @param select metric the kept epoch is the best by; null keeps the last
   * @param rule of early stopping; null goes through all epochs
   * @param judging which epochs are validated, and with how many draws
   */
  constructor(
    readonly epochs: number,
    readonly select: ValidationMetric | null,
    readonly rule: Required<EarlyStoppingSpec> | null,
    readonly judging: { readonly every: number; readonly draws: number | null } = { every: 1, draws: null },
  ) {}

  /** All options that decide which epoch is kept; plain data. */
  get by() {
    const { epochs, select, rule, judging } = this;
    return { epochs, select, rule, ...judging };
  }

  /** Training is to end after the last epoch observed. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Takes in the metrics of q at the end of an epoch. */
  observe(epoch: number, metrics: Evaluation, { layers, noiseScale }: Posterior): SelectionReport {
    const { select, rule } = this;
    const judged = select === null ? null : judge(epoch, select, metrics);
    // Strictly less: of equal epochs the first is kept. A metric that is no number is never the best.
    if (judged !== null && judged.value < (this.#best?.value ?? Number.POSITIVE_INFINITY)) {
      this.#best = judged;
      this.#kept = { layers, noiseScale };
    }
    if (rule !== null) this.#count(judge(epoch, rule.metric, metrics), rule);
    return {
      ...(this.#best === null ? {} : { best: this.#best }),
      ...(this.#stopped ? { stopped: 'earlyStopping' } : {}),
    };
  }

  #count(judged: JudgedEpoch, { patience, minDelta }: Required<EarlyStoppingSpec>): void {
    if (
      this.#improved === null ? Number.isFinite(judged.value) : judged.value < this.#improved.value - minDelta
    )
      this.#improved = judged;
    const waited = judged.epoch - (this.#improved?.epoch ?? 0);
    if (waited >= patience && judged.epoch < this.epochs) this.#stopped = true;
  }

  /** The result of a training whose last posterior is `last`. */
  result(last: Posterior): Posterior {
    return this.#kept === null ? last : { ...last, ...this.#kept };
  }

  outcome(): SelectionOutcome {
    return { selected: this.#best, stopped: this.#stopped ? 'earlyStopping' : 'epochs' };
  }

  state(): SelectionState {
    return { best: this.#best, improved: this.#improved, stopped: this.#stopped, kept: this.#kept };
  }

  /** Resumes from where `state` was taken. */
  restore({ best, improved, stopped, kept }: SelectionState): void {
    this.#best = best;
    this.#improved = improved;
    this.#stopped = stopped;
    this.#kept = kept;
  }
}

function judge(epoch: number, metric: ValidationMetric, metrics: Evaluation): JudgedEpoch {
  const value = metrics[metric];
  return { epoch, metric, value: value ?? Number.NaN };
}
