// What a config says about early stopping and the epoch that is kept: its defaults, and whether there are rows to judge epochs on.

import type { LikelihoodSpec } from '../../core/model.ts';
import { ConfigError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { type ValidationMetric, validationMetrics } from '../../scheduler/training/earlyStopping.ts';
import type { ParsedConfig } from './schema.ts';

/** About this many validations show the course of a training; not every short epoch is worth one. */
export const VALIDATIONS = 100;

type Training = ParsedConfig['training'];
type Stopping = NonNullable<Training['earlyStopping']>;

export interface SelectionConfig {
  readonly earlyStopping?: Stopping & { readonly every: number };
  readonly select: 'last' | { readonly kind: 'best'; readonly metric: ValidationMetric };
}

/** Epochs between validations where the config does not say. */
export function validationEvery(epochs: number, validations: number = VALIDATIONS): number {
  return Math.ceil(epochs / validations);
}

/**
 * Fills in `earlyStopping` and `select`.
 * @throws ConfigError, in one line, without validation rows or for a metric that the likelihood has not
 */
export function resolveSelection(
  { earlyStopping, select, epochs }: Training,
  validation: number | undefined,
  likelihood: LikelihoodSpec,
  file: string,
): SelectionConfig {
  const wanted = select ?? (earlyStopping === undefined ? 'last' : 'best');
  const stops = earlyStopping !== undefined;
  if ((stops || wanted !== 'last') && validation === undefined) {
    throw problem(
      `${file}: data.validation`,
      `rows to judge epochs on for training.${stops ? 'earlyStopping' : 'select'}`,
      'none',
      'add for example validation: 100',
    );
  }
  const check = (metric: ValidationMetric, where: string): ValidationMetric => {
    const known = validationMetrics(likelihood);
    if (known.includes(metric)) return metric;
    const expected = `${known.join(', ')} for a ${likelihood.kind} likelihood`;
    throw problem(`${file}: training.${where}`, expected, describeValue(metric), 'use one of these');
  };
  if (earlyStopping !== undefined) check(earlyStopping.metric, 'earlyStopping.metric');
  const metric =
    (typeof wanted === 'object' ? wanted.metric : undefined) ?? earlyStopping?.metric ?? ('nll' as const);
  return {
    ...(earlyStopping === undefined
      ? {}
      : { earlyStopping: { ...earlyStopping, every: earlyStopping.every ?? validationEvery(epochs) } }),
    select: wanted === 'last' ? 'last' : { kind: 'best', metric: check(metric, 'select.metric') },
  };
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}
