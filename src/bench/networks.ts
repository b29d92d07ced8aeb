// The networks that are measured, and what one training step or one predictive draw of them costs at least: float operations and
// bytes counted from the problem, whatever the code does.

export interface Network {
  /** Inputs, hidden layers, outputs; more than one output are classes. */
  readonly sizes: readonly number[];
  readonly batchSize: number;
  /** Minibatches of an epoch: what is done once an epoch weighs by them. Default 64. */
  readonly batches?: number;
  /** Weight draws of a step; default 1. */
  readonly draws?: number;
}

/** Small regression, on as many rows as Boston housing has, and small, middle and large classification. */
export const NETWORKS: readonly Network[] = [
  { sizes: [13, 50, 1], batchSize: 32, batches: 16 },
  { sizes: [784, 50, 50, 10], batchSize: 128 },
  { sizes: [784, 400, 400, 10], batchSize: 128 },
  { sizes: [784, 1200, 1200, 10], batchSize: 128 },
];

export function networkName({ sizes, batchSize, draws = 1 }: Network): string {
  return `${sizes.join('-')} B=${batchSize}${draws === 1 ? '' : ` S=${draws}`}`;
}

export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

function layersOf({ sizes }: Network): { I: number; O: number }[] {
  return sizes.slice(1).map((O, l) => ({ I: sizes[l], O }));
}

/** Weights and biases. */
export function parameterCount(network: Network): number {
  return layersOf(network).reduce((sum, { I, O }) => sum + (I + 1) * O, 0);
}

/**
 * Float operations a parameter costs besides products, each function (exp, log, sqrt, …) counted as one:
 * a normal by Box–Muller 5, softplus 3, w = mu + sigma·noise 2.
 */
const SAMPLE_FLOPS = 10;
/** Gradient of the KL and through softplus 12; Adam on mu and on rho 12 each. */
const UPDATE_FLOPS = 36;

/**
 * One step: reparameterization, Adam on mu and rho. flops: x·W, dW and (but for the first layer) dx are 2·B·I·O each a draw; KL,
 * sampling and Adam by parameter. bytes: each array once per use that needs all of the one before it finished — mu, rho and four moments
 * read and written (48 a parameter), w written once and read forward and (but for the first layer) back, activations and deltas written
 * once and read twice, the minibatch gathered and read twice. Noise is not counted: it could be made again.
 */
export function stepWork(network: Network): Work & { readonly gemmFlops: number } {
  const { batchSize: B, draws: S = 1 } = network;
  let gemmFlops = 0;
  let bytes = 4 * 4 * B * network.sizes[0];
  for (const [l, { I, O }] of layersOf(network).entries()) {
    const parameters = (I + 1) * O;
    const passes = l === 0 ? 2 : 3;
    gemmFlops += passes * 2 * S * B * I * O;
    bytes += (48 + 4 * passes * S) * parameters + 4 * 6 * S * B * O;
  }
  const P = parameterCount(network);
  return { gemmFlops, flops: gemmFlops + (SAMPLE_FLOPS * S + UPDATE_FLOPS) * P, bytes };
}

/** One predictive draw of B rows: w made from mu and rho (read) and used at once or written and read back, whichever: 8 + 8 bytes. */
export function drawWork(network: Network): Work & { readonly gemmFlops: number } {
  const { batchSize: B } = network;
  let gemmFlops = 0;
  let bytes = 4 * B * network.sizes[0];
  for (const { I, O } of layersOf(network)) {
    gemmFlops += 2 * B * I * O;
    bytes += 16 * (I + 1) * O + 4 * 2 * B * O;
  }
  return { gemmFlops, flops: gemmFlops + SAMPLE_FLOPS * parameterCount(network), bytes };
}
