// Sizes of a config that cannot work, told before anything is read, trained or made: what the config says alone, and what it comes to
// with its data. The bounds themselves are those of core/limits.ts.

import { createLikelihood } from '../../core/likelihoods/index.ts';
import { MAX_ARENA_BYTES, MAX_ROWS, MAX_STEPS } from '../../core/limits.ts';
import type { Model } from '../../core/model.ts';
import { trainingMemory } from '../../core/training/trainingMemory.ts';
import { ConfigError } from '../../errors.ts';
import { oneLine } from '../../messages.ts';
import type { ParsedConfig } from './schema.ts';

/** What no field's own bounds say. @throws ConfigError naming the field */
export function checkLimits(config: ParsedConfig, file: string): void {
  const { data, training } = config;
  const most = (field: string, value: number | undefined, max: number) => {
    if (value !== undefined && value > max)
      throw problem(`${file}: ${field}`, `at most ${max}`, `${value}`, 'lower it');
  };
  if (data.kind === 'synthetic') {
    most('data.rows', data.rows, MAX_ROWS);
    most('data.testRows', data.testRows, MAX_ROWS);
  }
  most('training.epochs', training.epochs, MAX_STEPS);
}

type SizedConfig = Pick<ParsedConfig, 'seed' | 'prediction'> & {
  readonly likelihood: NonNullable<ParsedConfig['likelihood']>;
  readonly training: Pick<
    ParsedConfig['training'],
    'epochs' | 'batchSize' | 'draws' | 'optimizer' | 'schedule' | 'klWeighting'
  >;
};

/**
 * @param rows of training
 * @throws ConfigError naming the field
 */
export function checkSizes(
  { training, likelihood, prediction, seed }: SizedConfig,
  model: Model,
  rows: number,
  where: string,
): void {
  const { epochs, batchSize, draws, optimizer, schedule, klWeighting } = training;
  const perEpoch = Math.ceil(rows / batchSize);
  if (epochs * perEpoch > MAX_STEPS) {
    const expected = `at most ${Math.floor(MAX_STEPS / perEpoch)} of ${perEpoch} steps each`;
    throw problem(`${where}: training.epochs`, expected, `${epochs}`, 'lower it');
  }
  // Quantiles of 16 rows are made from all their draws.
  const mostDraws = Math.floor(MAX_ARENA_BYTES / (16 * 4 * model.outputSize));
  const { noise, counts = null } = createLikelihood(likelihood);
  if ((noise !== null || counts !== null) && prediction.draws > mostDraws) {
    const expected = `at most ${mostDraws} for ${model.outputSize} outputs`;
    throw problem(`${where}: prediction.draws`, expected, `${prediction.draws}`, 'lower it');
  }
  const problemOf = { model, likelihood, rowCount: rows, batchSize, draws, epochs, optimizer, schedule };
  const { arena } = trainingMemory({ ...problemOf, klWeighting, seed: String(seed) }, 1);
  if (arena.bytes <= MAX_ARENA_BYTES) return;
  const [expected, got] = [MAX_ARENA_BYTES, arena.bytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
  throw problem(
    where,
    `a training of at most ${expected} MiB`,
    `${got} MiB`,
    'lower training.batchSize, training.draws or model.hiddenSizes, or use fewer rows (data.limit)',
  );
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(oneLine(`${where}: expected ${expected}, got ${got} — ${next}`));
}
