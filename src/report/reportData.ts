// What a report can show, as plain JSON-able types: no typed arrays, no drawing. Who has no data for a section leaves it out.

import type { ChartSpec } from './charts/chartSpec.ts';

/** A number of a curve; null (or NaN) where there is none, for instance a metric that is not measured every epoch. */
export type Value = number | null;

/** One report. Every text is plain text: it is escaped, never read as HTML. */
export interface ReportData {
  readonly title: string;
  /** What was trained on what, in one sentence. */
  readonly subtitle?: string;
  /** The figures at the top, most important first; `note` is small print such as "± 0.02 over 20 splits". */
  readonly summary: ReadonlyArray<{ readonly label: string; readonly value: string; readonly note?: string }>;
  /** SHA-256 of the posterior's data section, in hex. */
  readonly posteriorDigest?: string;
  /** The config with every default filled in, as YAML text. */
  readonly config?: string;
  /** Version, date, machine: one line at the end. */
  readonly footer?: string;
  /** Of an ensemble. */
  readonly members?: DataTable;
  readonly regression?: RegressionPicture;
  readonly training?: TrainingCurves;
  readonly coverage?: CoverageSection;
  readonly reliability?: ReliabilitySection;
  readonly uncertainty?: UncertaintySection;
  readonly diagnostics?: DiagnosticsSection;
  /** Predictions of test rows beside what came true, one entry a target. */
  readonly fit?: readonly FitOfTarget[];
  /** Metrics of each of several targets. */
  readonly targets?: DataTable;
  /** The test rows the model is least sure of. */
  readonly leastSure?: LeastSure;
  readonly confusion?: Confusion;
  /** What lets the page itself predict a row. */
  readonly whatIf?: WhatIf;
  /** What a report of something other than one run shows, ahead of everything else. */
  readonly sections?: readonly ReportSection[];
}

/** A posterior that comes with the page, and the columns a reader can set. */
export interface WhatIf {
  /** Whether rows are objects with the names of columns; else lists of numbers in the order of `fields`. */
  readonly named: boolean;
  readonly fields: readonly Field[];
  /** Null where targets are no classes. */
  readonly classes: readonly string[] | null;
  /** Null where they have no names. */
  readonly targets: readonly string[] | null;
  readonly draws: number;
  /** The bytes of posterior.safetensors, gzip in base64. */
  readonly posterior: string;
}

/** A column: what it is at first, and what it can be. */
export type Field =
  | {
      readonly kind: 'number';
      readonly name: string;
      readonly value: number;
      /** Of the training rows. */
      readonly low: number;
      readonly high: number;
    }
  | {
      readonly kind: 'choice';
      readonly name: string;
      readonly value: string;
      readonly levels: readonly string[];
    }
  | { readonly kind: 'text'; readonly name: string; readonly value: string };

/** A heading with tables and charts under it. */
export interface ReportSection {
  readonly id: string;
  readonly heading: string;
  /** What a reader must not overlook, above the rest. */
  readonly notes?: readonly string[];
  readonly tables?: readonly DataTable[];
  readonly charts?: readonly ChartSpec[];
}

/** A table as people read it. */
export interface DataTable {
  /** What it shows, in one or two sentences. */
  readonly caption?: string;
  /** Heading of the column of labels. */
  readonly corner?: string;
  readonly columns: readonly string[];
  readonly rows: ReadonlyArray<{
    readonly label: string;
    readonly values: readonly string[];
    /** In bold: the row to look at first. */
    readonly strong?: boolean;
  }>;
}

/** Predictions of numbers, in their own units; one value a row that is shown. */
export interface FitOfTarget {
  readonly name: string;
  /** Test rows in all; as many are shown as the lists are long. */
  readonly rows: number;
  readonly actual: readonly number[];
  readonly mean: readonly number[];
  readonly sd: readonly number[];
  readonly lower: readonly number[];
  readonly upper: readonly number[];
  /** Level of the interval. */
  readonly level: number;
}

/** Rows by falling uncertainty. */
export interface LeastSure {
  readonly table: DataTable;
  /** The same rows as pictures, where the data are some: gray values from 0 to 255, row by row. */
  readonly images?: {
    readonly width: number;
    readonly height: number;
    readonly items: ReadonlyArray<{ readonly label: string; readonly pixels: readonly number[] }>;
  };
}

/** counts[actual][predicted] of test rows. */
export interface Confusion {
  readonly classes: readonly string[];
  readonly counts: ReadonlyArray<readonly number[]>;
}

/** Lower and upper end of a band, at each place of a grid or each epoch. */
export interface Band<V = number> {
  readonly lower: readonly V[];
  readonly upper: readonly V[];
}

/** A regression with one input: what was seen, what is predicted, how sure. All in original units. */
export interface RegressionPicture {
  /** Axis labels with their unit: "time (h)". */
  readonly inputLabel: string;
  readonly targetLabel: string;
  /** Ascending grid of inputs; `mean`, `truth` and the bands have one value for each. */
  readonly x: readonly number[];
  readonly mean: readonly number[];
  /** Interval of the mean alone (what more data would narrow). */
  readonly epistemic: Band;
  /** Interval of a new observation (noise included). */
  readonly total: Band;
  /** Level of both intervals, .9 for the 5 %–95 % ones. */
  readonly level: number;
  readonly train: { readonly x: readonly number[]; readonly y: readonly number[] };
  readonly test?: { readonly x: readonly number[]; readonly y: readonly number[] };
  /** Where training inputs lie; taken from `train` when left out. */
  readonly trainRange?: readonly [number, number];
  /** The noiseless function, where it is known. */
  readonly truth?: readonly Value[];
}

/** One value per entry of `epochs`, in nats per training row, signs as in metrics.jsonl: elbo goes up, nll and kl go down. */
export interface TrainingCurves {
  readonly epochs: readonly number[];
  /** Of an ensemble: how many members there are. Values are then means over them, and `ranges` goes from the lowest to the highest. */
  readonly members?: number;
  /** Of an ensemble: members stopped early, some before others. */
  readonly stopApart?: boolean;
  readonly ranges?: {
    readonly elbo: Band<Value>;
    readonly nll: Band<Value>;
    readonly kl: Band<Value>;
    readonly validation: readonly Band<Value>[];
  };
  readonly elbo: readonly Value[];
  readonly nll: readonly Value[];
  readonly kl: readonly Value[];
  /** The epoch whose posterior is the result, where it was chosen; one of `epochs`. */
  readonly keptEpoch?: number;
  /** Metrics of held-out rows: { name: "error rate", unit: "%" }. */
  readonly validation?: ReadonlyArray<{
    readonly name: string;
    readonly unit?: string;
    readonly values: readonly Value[];
  }>;
}

/** What the weights did; one value per entry of `epochs`, which are those that were diagnosed. */
export interface DiagnosticsSection {
  readonly epochs: readonly number[];
  /** Of an ensemble: members that the curves are means over and the signal-to-noise is of together. */
  readonly members?: number;
  /** Part of −ELBO that is KL, in [0, 1]. */
  readonly klShare: readonly Value[];
  /** Of all weights: what 5, 50 and 95 % of them lie below. */
  readonly sigma: Readonly<Record<'p05' | 'p50' | 'p95', readonly Value[]>>;
  /** Norms of the optimizer's running mean of gradients. */
  readonly gradientNorm: { readonly mu: readonly Value[]; readonly rho: readonly Value[] };
  readonly layers: readonly LayerDiagnostics[];
  /** What is wrong, in words. */
  readonly warnings: readonly string[];
}

export interface LayerDiagnostics {
  readonly name: string;
  /** Weights and biases. */
  readonly count: number;
  readonly collapsed: readonly Value[];
  readonly klPerWeight: readonly Value[];
  /** 10·log10(|mu|/sigma) at the end: counts of bins of `step` decibels, the first of which begins at `from`. */
  readonly snr: { readonly from: number; readonly step: number; readonly counts: readonly number[] };
}

/** Observed coverage of central predictive intervals (core/calibration/coverage.ts), and of which rows. */
export interface CoverageSection {
  readonly points: ReadonlyArray<{ readonly level: number; readonly observed: number }>;
  readonly rows?: number;
  /** What is wrong with it, in words. */
  readonly warnings?: readonly string[];
}

/** The reliability table (core/calibration/reliability.ts); empty bins may hold null or NaN. */
export interface ReliabilitySection {
  readonly bins: ReadonlyArray<{
    readonly lower: number;
    readonly upper: number;
    readonly count: number;
    readonly confidence: Value;
    readonly accuracy: Value;
  }>;
  /** Expected calibration error, in [0, 1]. */
  readonly ece: number;
}

/** Uncertainty of test rows and, optionally, of inputs from outside the distribution; nats, one value per row. */
export interface UncertaintySection {
  readonly test: UncertaintyOfRows;
  readonly outside?: UncertaintyOfRows;
  /** How well each statistic tells outside from test rows, in [0, 1]. */
  readonly auroc?: { readonly predictiveEntropy?: number; readonly mutualInformation?: number };
}

export interface UncertaintyOfRows {
  readonly label: string;
  readonly predictiveEntropy: readonly number[];
  readonly mutualInformation: readonly number[];
}
