// A fitted q(W), or several as one mixture: everything prediction needs, nothing training needs.

import type { TableColumns } from '../columns/tableColumns.ts';
import type { LikelihoodSpec, Model } from './model.ts';
import type { FamilySpec } from './posteriors/index.ts';

/** loc and scale of each column: standardized = (x − loc) / scale. */
export interface Standardization {
  readonly loc: Float64Array;
  readonly scale: Float64Array;
}

/** Parameters of q of one layer, row-major. `rho` is empty where the family has no sigma. */
export interface LayerPosterior {
  readonly weight: { readonly mu: Float32Array; readonly rho: Float32Array }; // [I, O]
  readonly bias: { readonly mu: Float32Array; readonly rho: Float32Array }; // [O]
  /** What its prior has come to, where that learns: one number a name. */
  readonly prior?: Float32Array;
}

export interface Posterior {
  readonly model: Model;
  /** What q is; a mean-field Gaussian where nothing is said. */
  readonly family?: FamilySpec | undefined;
  /** As the network was trained by it: a fixed scale is in standardized units here, as `noiseScale`. */
  readonly likelihood: LikelihoodSpec;
  readonly layers: readonly LayerPosterior[];
  /** Scale of the observation noise per output, in standardized units; null where the likelihood has none. */
  readonly noiseScale: Float32Array | null;
  /** Undone in predictions; null where the network works in the data's own units. */
  readonly standardization: {
    readonly features: Standardization | null;
    readonly targets: Standardization | null;
  };
  /** What the user called the classes, for categorical targets; index = class number. */
  readonly classNames: readonly string[] | null;
  /** The seed predictive noise is drawn from. */
  readonly seed: string;
  /** The kernel epoch it was trained in, whose way to read rows and to draw noise predictions keep; default: today's. */
  readonly kernelEpoch?: number | undefined;
  /** The columns of the table it was trained on, and what was learned of them; left out where they have no names. */
  readonly columns?: TableColumns | undefined;
}

/**
 * An equal mixture of posteriors that answer the same question: the same inputs, outputs and kind of target. Hidden layers, noise and
 * standardization may differ. `ensembleOf` makes one.
 */
export interface Ensemble {
  readonly model: Pick<Model, 'inputSize' | 'outputSize'>;
  /** That of member 0; the others are of the same kind. */
  readonly likelihood: LikelihoodSpec;
  readonly classNames: readonly string[] | null;
  readonly members: readonly Posterior[];
  /** Those of its members; left out where none has any. */
  readonly columns?: TableColumns | undefined;
}

/** What can be asked for draw number s, and so predicted from. */
export type AnyPosterior = Posterior | Ensemble;
