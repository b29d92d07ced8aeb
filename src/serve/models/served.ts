// One version of a model that is being served: what it takes and gives, the engine and the batcher that answer for it, and how many requests hold it.

import { type LearnedColumn, plainColumns } from '../../columns/tableColumns.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import { createFamily } from '../../core/posteriors/index.ts';
import { membersOf } from '../../core/posteriors/mixture.ts';
import { PREDICTION_MODES, type PredictionMode } from '../../core/prediction/predictionMode.ts';
import { rowsAreAlike } from '../../runtime/adaptiveDraws.ts';
import { familiesOf } from '../../runtime/settings.ts';
import { Batcher, type BatcherOptions } from '../../scheduler/batching/batcher.ts';
import type { Engine, PredictionSettings } from '../batching/engine.ts';
import { ModelStatistics } from '../observe/statistics.ts';
import { busy, tooLate } from '../problem.ts';
import { ModelInputs } from './inputs.ts';
import { type OutputKind, outputKinds } from './outputs.ts';
import type { LoadedModel } from './source.ts';

/** Called after each batch, for metrics. */
export type OnBatch = (
  served: ServedModel,
  rows: number,
  requests: number,
  draws: number,
  ms: number,
) => void;

const REFUSALS: BatcherOptions['refusals'] = {
  full: (waiting, more, most, seconds) => {
    const got = `${waiting} waiting and ${more} more`;
    return busy(`queue: expected at most ${most} rows, got ${got} — try again in ${seconds} s`, seconds);
  },
  late: tooLate,
};

export class ServedModel {
  readonly inputs: ModelInputs;
  readonly outputs: readonly OutputKind[];
  readonly batcher: Batcher<PredictionSettings>;
  readonly statistics = new ModelStatistics();
  /** Whether a row's bits do not depend on its number in mode marginal: so in all posteriors but old ones. */
  readonly rowsAreAlike: boolean;
  readonly members: number;
  readonly families: ReturnType<typeof familiesOf>;
  /** Those that every member has. */
  readonly modes: readonly PredictionMode[];
  /** Whether targets are numbers, so that there are quantiles. */
  readonly onScale: boolean;
  #users = 0;
  #unused: (() => void) | null = null;

  constructor(
    readonly name: string,
    readonly version: string,
    readonly loaded: LoadedModel,
    readonly engine: Engine,
    options: Omit<BatcherOptions, 'refusals'>,
    onBatch: OnBatch,
  ) {
    const { posterior, featureNames } = loaded;
    const plain = featureNames?.length === posterior.model.inputSize ? plainColumns(featureNames, []) : null;
    const members = membersOf(posterior);
    this.inputs = new ModelInputs(posterior, posterior.columns ?? plain);
    this.outputs = outputKinds(posterior);
    this.members = members.length;
    this.families = familiesOf(posterior);
    this.modes = PREDICTION_MODES.filter((mode) =>
      this.families.every((spec) => createFamily(spec).modes.includes(mode)),
    );
    this.rowsAreAlike = rowsAreAlike(posterior, 'marginal');
    this.onScale = createLikelihood(posterior.likelihood).onScale;
    this.batcher = new Batcher(
      engine,
      { ...options, nextTurn: setImmediate, refusals: REFUSALS },
      {
        batch: (rows, requests, draws, ms) => {
          this.statistics.batch(rows, ms);
          onBatch(this, rows, requests, draws, ms);
        },
      },
    );
  }

  get ready(): boolean {
    return this.engine.ready;
  }

  /** Keeps the model from closing until the function it returns is called. */
  hold(): () => void {
    this.#users++;
    return () => {
      if (--this.#users === 0) this.#unused?.();
    };
  }

  /** Waits for the requests that hold it, then ends its threads. */
  async close(): Promise<void> {
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#unused = resolve;
      });
    }
    await this.engine.close();
  }

  /** A row that is like those of the training: their means, to three digits; zeros where nothing is known of them. */
  #example(): number[] {
    const { posterior } = this.loaded;
    const { features } = membersOf(posterior)[0].standardization;
    return Array.from({ length: posterior.model.inputSize }, (_, c) =>
      Number((features?.loc[c] ?? 0).toPrecision(3)),
    );
  }

  /** The metadata of the protocol; its parameters hold further facts about the model. */
  metadata(versions: readonly string[]): object {
    const { posterior, targetNames, draws, test, posteriorDigest } = this.loaded;
    const { table } = this.inputs;
    const { inputSize } = posterior.model;
    return {
      name: this.name,
      versions,
      platform: 'varpool',
      inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, inputSize] }],
      outputs: [
        ...this.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [-1, ...shape] })),
        { name: 'draws', datatype: 'FP64', shape: [-1, -1, predictedColumns(posterior)] },
      ],
      parameters: {
        version: this.version,
        likelihood: posterior.likelihood.kind,
        members: this.members,
        modes: this.modes,
        draws,
        example: this.#example(),
        columns: table === null ? null : table.features.map(columnMetadata),
        targets: targetNames,
        classes: posterior.classNames,
        default_outputs: this.outputs.filter(({ byDefault }) => byDefault).map(({ name }) => name),
        test,
        posterior_digest: posteriorDigest,
      },
    };
  }
}

/** A column's name and kind, and its levels if it has any. */
function columnMetadata(column: LearnedColumn): object {
  const { levels } = column as { levels?: unknown };
  return { name: column.name, kind: column.kind, ...(Array.isArray(levels) ? { levels } : {}) };
}
