// Monte Carlo dropout (Gal & Ghahramani 2016, §3): a weight is dropped together with all others of its input, w = mu·z/(1 − rate) with
// z ~ Bernoulli(1 − rate) for each input of a layer; biases are kept. In training each row of data has masks of its own, in predictions
// draw s is one network for all rows.

import { GemmStart } from '../../backend/backend.ts';
import type { Fields } from '../../options/kinds.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import type { Estimator, EstimatorContext } from '../estimators/estimator.ts';
import { MeanWeights } from '../estimators/meanWeights.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type { PosteriorFamily } from './posteriorFamily.ts';

export const dropoutOptions = ({ fraction, decay }: Fields) => ({
  rate: fraction('Probability that an input of a layer is dropped.').default(0.1),
  inputRate: decay('Probability that a feature is dropped.').default(0),
});

interface Options {
  readonly rate: number;
  readonly inputRate: number;
}

type Kept = (layer: LayerLayout) => number;

/** Buffers of a layer whose inputs are dropped, [inputUnits] rows a panel; null where all are kept. */
type DroppedInputs = {
  /** x∘z/kept, for each draw, and bytes from one draw to the next. */
  readonly x: number;
  readonly xBytes: number;
  /** What goes back to them before it is masked. */
  readonly dx: number;
} | null;

/** Words below this drop. */
function threshold(kept: number): number {
  return Math.round((1 - kept) * 2 ** 32);
}

class DroppedWeights extends MeanWeights<readonly DroppedInputs[]> {
  override readonly divisible = false;

  constructor(
    at: EstimatorContext<readonly DroppedInputs[]>,
    readonly kept: Kept,
  ) {
    super(at);
  }

  override forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void {
    const dropped = this.inputs(run, layer);
    if (this.at.own[layer.index] !== null) this.#drop(run, layer, dropped, x);
    super.forward(run, layer, z, dropped, from, to);
  }

  override inputGradient(
    run: PassRun,
    layer: LayerLayout,
    dx: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const own = this.at.own[layer.index];
    if (own === null) {
      super.inputGradient(run, layer, dx, from, to, start);
      return;
    }
    const back = own.dx + run.draw * own.xBytes + run.first * layer.inputUnits * ROW_BYTES;
    super.inputGradient(run, layer, back, from, to, GemmStart.zero);
    this.#drop(run, layer, start === GemmStart.zero ? dx : back, back);
    if (start !== GemmStart.zero)
      this.at.kernels.add_f32(dx, dx, back, (run.last - run.first) * layer.inputUnits);
  }

  protected override inputs(run: PassRun, layer: LayerLayout): number {
    const own = this.at.own[layer.index];
    if (own === null) return super.inputs(run, layer);
    return own.x + run.draw * own.xBytes + run.first * layer.inputUnits * ROW_BYTES;
  }

  /** out = x∘z/kept, each row of the minibatch by masks of its own. */
  #drop(run: PassRun, layer: LayerLayout, out: number, x: number): void {
    const { kernels, key } = this.at;
    const kept = this.kept(layer);
    kernels.drop_inputs_f32(
      out,
      x,
      layer.inputUnits,
      run.last - run.first,
      layer.channels,
      key.key0,
      key.key1,
      run.step,
      run.draw,
      stream(PURPOSE.dropout, layer.index),
      run.first,
      threshold(kept),
      1 / kept,
    );
  }
}

function droppedWeights(kept: Kept): Estimator<readonly DroppedInputs[]> {
  return {
    options: () => ({}),
    reserve: ({ draws, layout, batchPanels }, reserve) =>
      layout.layers.map((layer): DroppedInputs => {
        if (layer.O === 0 || kept(layer) === 1) return null;
        const floats = (name: string) =>
          reserve(`dropout${layer.index}.${name}`, draws * batchPanels * layer.inputUnits * 16);
        return { x: floats('x'), xBytes: batchPanels * layer.inputUnits * ROW_BYTES, dx: floats('dx') };
      }),
    create: (context) => new DroppedWeights(context, kept),
  };
}

/** Draw s drops channel c of a layer where word c of the stream (seed; predictive, s, layer) is below rate·2^32. */
export function dropout({ rate, inputRate }: Options): PosteriorFamily {
  const kept: Kept = ({ inputs }) => 1 - (inputs.includes(-1) ? inputRate : rate);
  return {
    parameters: ['mu'],
    modes: ['sample', 'mean'],
    deterministic: false,
    means: { estimator: droppedWeights(kept) as Estimator<unknown>, kept },
    weights: ({ layout, kernels, mu, key }) => ({
      draw(out, draw) {
        for (const layer of layout.layers) {
          const at = layer.offset * 4;
          const own = kept(layer);
          kernels.drop_weights_f32(
            out + at,
            mu + at,
            layer.panelRows,
            layer.panels,
            layer.channels,
            key.key0,
            key.key1,
            draw,
            stream(PURPOSE.predictive, layer.index),
            threshold(own),
            1 / own,
          );
        }
        return out;
      },
    }),
  };
}
