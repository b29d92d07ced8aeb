// Made data: the regression curve of Blundell et al. 2015. Random numbers and sin arrive as arguments, so the bits are the caller's.

import type { Table } from './dataset.ts';
import { fail } from './message.ts';

export interface CurveOptions {
  readonly rows: number;
  /** Range of x; default [0, 0.5]. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Standard deviation of e; default 0.02. */
  readonly noise?: number | undefined;
}

/** Addressable random numbers and a sine, all the same on every machine. */
export interface CurveSources {
  /** Number i of a uniform distribution on [0, 1). */
  uniform(i: number): number;
  /** Number i of N(0, 1). */
  normal(i: number): number;
  sin(x: number): number;
}

/**
 * y = x + 0.3 sin 2π(x + e) + 0.3 sin 4π(x + e) + e with e ~ N(0, noise²) and x uniform in [low, high): computed in float64, rounded once.
 * Row i depends on `uniform(i)` and `normal(i)` only, so more rows extend fewer.
 * Blundell et al., Weight Uncertainty in Neural Networks (2015), §5.2.
 * @throws DataError for sizes or ranges that make no curve
 */
export function regressionCurve(options: CurveOptions, sources: CurveSources): Table {
  const { rows } = options;
  const low = options.low ?? 0;
  const high = options.high ?? 0.5;
  const noise = options.noise ?? 0.02;
  if (!Number.isInteger(rows) || rows < 1 || rows > 2 ** 28) {
    fail('data.rows', `an integer from 1 to ${2 ** 28}`, `${rows}`, 'say how many points to make');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high) || low >= high) {
    fail(
      'data.low',
      'finite numbers low < high',
      `${low} and ${high}`,
      'for the curve of the paper use 0 and 0.5',
    );
  }
  if (!Number.isFinite(noise) || noise < 0) {
    fail(
      'data.noise',
      'a finite standard deviation of at least 0',
      `${noise}`,
      'for the curve of the paper use 0.02',
    );
  }
  const x = new Float32Array(rows);
  const y = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    // Rounded before the curve is evaluated: the y of a row belongs to the very x the network is shown.
    x[i] = low + (high - low) * sources.uniform(i);
    const e = noise * sources.normal(i);
    y[i] = curve(x[i], e, sources.sin);
  }
  return {
    features: { data: x, rows, columns: 1 },
    featureNames: ['x'],
    targets: { kind: 'values', values: { data: y, rows, columns: 1 }, names: ['y'] },
    source: [],
  };
}

/** The curve itself, for drawing it: y at x with noise e. */
export function curve(x: number, e: number, sin: (x: number) => number): number {
  return x + 0.3 * sin(2 * Math.PI * (x + e)) + 0.3 * sin(4 * Math.PI * (x + e)) + e;
}
