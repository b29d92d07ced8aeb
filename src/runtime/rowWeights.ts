// Weights of training rows: those that come with the rows times those of their classes.

import { createLikelihood } from '../core/likelihoods/index.ts';
import { type Matrix, type MatrixLike, toMatrix } from '../core/matrix.ts';
import type { LikelihoodSpec, Model } from '../core/model.ts';
import { describeValue, listed, mismatch, nearest } from '../messages.ts';
import type { ClassWeights } from './trainingFields.ts';

/** What the rows of a training count by. */
export interface WeighedRows {
  readonly model: Pick<Model, 'outputSize'>;
  readonly likelihood: LikelihoodSpec;
  /** Targets [N, …]. */
  readonly y: Matrix;
  readonly weights: MatrixLike | undefined;
  readonly classWeights: ClassWeights | undefined;
  readonly classNames: readonly string[] | undefined;
}

/** How messages about them start. */
export interface WeightNames {
  readonly weights: string;
  readonly classWeights: string;
}

/**
 * The weight of each row, 0 and up; null where nothing gives rows weights. A weight of 2 is a row that is given twice.
 * @throws TypeError or RangeError, its line starting with the name that `where` has for them
 */
export function rowWeights(where: WeightNames, rows: WeighedRows): Float64Array | null {
  const own = rows.weights === undefined ? null : ownWeights(where.weights, rows.weights, rows.y.rows);
  if (rows.classWeights === undefined) return own;
  const all = own ?? new Float64Array(rows.y.rows).fill(1);
  const { classes, of } = classesOf(where.classWeights, rows);
  const factors =
    rows.classWeights === 'balanced'
      ? balanced(all, of, classes.length)
      : namedFactors(where.classWeights, rows.classWeights, classes);
  return checkSum(
    where.classWeights,
    all.map((weight, r) => weight * factors[of(r)]),
  );
}

function ownWeights(where: string, given: MatrixLike, N: number): Float64Array {
  const { data, rows, columns } = toMatrix(given, where);
  if (columns !== 1 || rows !== N) {
    const got = columns === 1 ? `${rows}` : `${rows} × ${columns}`;
    throw new RangeError(
      mismatch(where, `${N} numbers, as many as rows of x`, got, 'pass one weight per row'),
    );
  }
  const bad = data.findIndex((weight) => !(weight >= 0 && weight <= 3.4e38));
  if (bad >= 0) {
    throw new RangeError(
      mismatch(
        where,
        'finite numbers of at least 0',
        `${data[bad]} in row ${bad}`,
        'leave the row out, or correct its weight',
      ),
    );
  }
  return checkSum(where, Float64Array.from(data));
}

function checkSum(where: string, weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum > 0 && Number.isFinite(sum)) return weights;
  const next = sum > 0 ? 'divide them by their mean' : 'give some rows a weight above 0';
  throw new RangeError(mismatch(where, 'weights with a finite sum above 0', `a sum of ${sum}`, next));
}

/** The names of the classes, and the class of each row. */
function classesOf(where: string, { model, likelihood, y, classNames }: WeighedRows) {
  const { kind, targets, task } = createLikelihood(likelihood);
  const K = targets === 'labels' ? model.outputSize : 2;
  if (task === 'regression' || (targets === 'values' && model.outputSize > 1)) {
    const got = task === 'regression' ? kind : `${kind} of ${model.outputSize} outputs`;
    const next = 'leave it out, or weigh rows with weights';
    throw new RangeError(mismatch(where, 'one class a row', got, next));
  }
  const numbers = Array.from({ length: K }, (_, k) => String(k));
  const classes = targets === 'labels' ? (classNames ?? numbers) : numbers;
  return { classes, of: (row: number) => y.data[row] };
}

/** Σ weights / (K·the weights of the class): every class that has rows counts the same in all. */
function balanced(weights: Float64Array, of: (row: number) => number, K: number): Float64Array {
  const sums = new Float64Array(K);
  weights.forEach((weight, r) => {
    sums[of(r)] += weight;
  });
  const present = sums.reduce((count, sum) => count + (sum > 0 ? 1 : 0), 0);
  const total = sums.reduce((all, sum) => all + sum, 0);
  return sums.map((sum) => (sum > 0 ? total / (present * sum) : 1));
}

function namedFactors(
  where: string,
  given: Readonly<Record<string, number>>,
  classes: readonly string[],
): Float64Array {
  const unknown = Object.keys(given).find((name) => !classes.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, classes);
    throw new RangeError(
      mismatch(
        where,
        `classes ${listed(classes.slice(0, 10))}${classes.length > 10 ? ' …' : ''}`,
        describeValue(unknown),
        near === null ? 'name classes as the targets do' : `did you mean ${near}?`,
      ),
    );
  }
  // A class may be called as something every object has.
  return Float64Array.from(classes, (name) => (Object.hasOwn(given, name) ? given[name] : 1));
}
