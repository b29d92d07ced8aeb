// Predictions of a posterior or of an ensemble: which draws each member gives, and how its results come into the mixture's.
// Members are predicted one after the other, each on all workers, so that one member's weights are in memory at a time.

import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { AnyPosterior, Posterior } from '../../core/posterior.ts';
import { drawsOfMember, membersOf } from '../../core/posteriors/mixture.ts';
import {
  type DrawChunk,
  inOriginalUnits,
  interleave,
  type PredictiveChunk,
  predictiveChunk,
} from '../../core/predictive/drawQuantiles.ts';
import type { Draw, Prediction } from '../../core/predictive/prediction.ts';
import { PredictiveSummary } from '../../core/predictive/summarize.ts';
import type { TrainerHost } from '../host.ts';
import type { MemberChunks } from './evaluate.ts';
import { Predictor, type PredictorOptions } from './predictor.ts';

/** A member with the draws it gives. */
interface Part {
  readonly member: number;
  readonly posterior: Posterior;
  readonly draws: number;
}

export class MixturePredictor {
  readonly #parts: readonly Part[];
  readonly #outputs: number;

  constructor(
    posterior: AnyPosterior,
    readonly x: Matrix,
    readonly host: TrainerHost,
    readonly options: PredictorOptions,
  ) {
    const members = membersOf(posterior);
    this.#outputs = predictedColumns(posterior);
    this.#parts = members
      .map((own, member) => {
        const draws = drawsOfMember(options.draws, members.length, member);
        return { member, posterior: own, draws };
      })
      .filter(({ draws }) => draws > 0);
  }

  async summary(): Promise<Prediction> {
    const summary = new PredictiveSummary(this.x.rows, this.#outputs);
    for (const part of this.#parts) {
      const predictor = await this.#open(part, false);
      try {
        const { outputs, entropies } = await predictor.moments();
        summary.add(part.posterior, part.draws, outputs, entropies);
      } finally {
        predictor.close();
      }
    }
    return summary.prediction();
  }

  /** Each member's draws, a member at a time. */
  *memberChunks(): Generator<MemberChunks> {
    for (const part of this.#parts) yield { ...part, chunks: this.#chunksOf(part) };
  }

  async *#chunksOf(part: Part): AsyncGenerator<DrawChunk> {
    const predictor = await this.#open(part, true);
    try {
      yield* predictor.drawChunks();
    } finally {
      predictor.close();
    }
  }

  /** All draws of some rows at a time. */
  async *chunks(): AsyncGenerator<PredictiveChunk> {
    const predictors = await this.#openAll({ chunkDraws: this.options.draws });
    try {
      const sources = predictors.map((predictor) => predictor.drawChunks());
      for (;;) {
        const members: PredictiveChunk[] = [];
        for (const [n, source] of sources.entries()) {
          const { value, done } = await source.next();
          if (done) return;
          members.push(predictiveChunk(predictors[n].posterior, value));
        }
        yield interleave(members);
      }
    } finally {
      for (const predictor of predictors) predictor.close();
    }
  }

  /** Draws in order, all rows at once. */
  async *eachDraw(): AsyncGenerator<Draw> {
    const predictors = await this.#openAll({});
    try {
      const sources = predictors.map((predictor, n) => ({
        member: this.#parts[n].member,
        posterior: predictor.posterior,
        draws: predictor.eachDraw(),
      }));
      for (let draw = 0; draw < this.options.draws; draw++) {
        const { member, posterior, draws } = sources[draw % sources.length];
        const { value } = await draws.next();
        const { values, noise } = inOriginalUnits(posterior, value!.values);
        const noiseScale = noise.length === 0 ? null : noise;
        yield { draw, member, rows: this.x.rows, outputs: this.#outputs, values, noiseScale };
      }
    } finally {
      for (const predictor of predictors) predictor.close();
    }
  }

  async #openAll(more: Partial<PredictorOptions>): Promise<Predictor[]> {
    const predictors: Predictor[] = [];
    try {
      for (const part of this.#parts) predictors.push(await this.#open(part, true, more));
      return predictors;
    } catch (error) {
      for (const predictor of predictors) predictor.close();
      throw error;
    }
  }

  #open(part: Part, keepDraws: boolean, more: Partial<PredictorOptions> = {}): Promise<Predictor> {
    const { member, posterior, draws } = part;
    const { onProgress, ...options } = this.options;
    const parts = this.#parts.length;
    // Tiles of each member are counted by themselves; all members have about as many.
    const progress =
      onProgress === undefined
        ? {}
        : {
            onProgress: ({ done, total }: { readonly done: number; readonly total: number }) =>
              onProgress({ done: member * total + done, total: parts * total }),
          };
    return Predictor.open(
      posterior,
      this.x,
      this.host,
      { ...options, ...more, ...progress, draws },
      keepDraws,
    );
  }
}
