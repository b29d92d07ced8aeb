// The one shape of chart the page knows how to draw: plain JSON, made by charts.ts, drawn by client.ts.

export type Color = 'blue' | 'orange' | 'green' | 'purple' | 'ink' | 'muted';

/** A curve over the chart's x. `edge` is the invisible border of a band. */
export interface ChartSeries {
  readonly style: 'line' | 'dashed' | 'dots' | 'bars' | 'steps' | 'edge';
  readonly color: Color;
  readonly values: ReadonlyArray<number | null>;
}

/** An entry below the chart: its hover value is that of one series, or "lower … upper" of two, or none. */
export interface LegendEntry {
  readonly label: string;
  readonly color: Color;
  readonly mark: 'line' | 'dashed' | 'dot' | 'bar' | 'band' | 'strongBand' | 'shade';
  readonly series: readonly number[];
}

export interface ChartSpec {
  readonly id: string;
  readonly title: string;
  /** What to look for, one or two sentences; also the text a screen reader hears. */
  readonly caption: string;
  readonly wide: boolean;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xFormat: 'number' | 'integer' | 'percent';
  readonly yFormat: 'number' | 'percent';
  /** Name of x in the hover line. */
  readonly xName: string;
  /** x counts as belonging to the interval [x, next x): said so in the hover line. */
  readonly intervals: boolean;
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  /** Indices into `series`. */
  readonly bands: ReadonlyArray<{
    readonly upper: number;
    readonly lower: number;
    readonly color: Color;
    readonly opacity: number;
  }>;
  /** Points with inputs of their own. */
  readonly points: ReadonlyArray<{
    readonly color: Color;
    readonly hollow: boolean;
    readonly x: readonly number[];
    readonly y: readonly number[];
    /** A bar through each point, from here … */
    readonly lower?: readonly number[];
    /** … to there. */
    readonly upper?: readonly number[];
  }>;
  /** Small print along the lower edge, where there is room for it: how many rows a bar stands for. */
  readonly counts?: ReadonlyArray<{ readonly x: number; readonly text: string }>;
  /** Interval of x with a marked background. */
  readonly shade: readonly [number, number] | null;
  /** The line y = x. */
  readonly diagonal: boolean;
  readonly legend: readonly LegendEntry[];
}
