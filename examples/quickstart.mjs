import { build, createRuntime, posteriorDigest } from 'varpool';

// 512 noisy points of a cubic with x from −1 to 1, and none beyond.
const x = Array.from({ length: 512 }, (_, i) => [-1 + (2 * i) / 511]);
const y = x.map(([v], i) => [4 * v * v * v - 2 * v + 0.4 * (((i * 29) % 512) / 511 - 0.5)]);

const runtime = createRuntime({ seed: 'quickstart' });
const model = build({ inputSize: 1, hiddenSizes: [32, 32], outputSize: 1 });
const run = runtime.train(
  model,
  { x, y },
  { epochs: 200, batchSize: 32, optimizer: { kind: 'adam', learningRate: 0.01 } },
);
for await (const { epoch, elbo } of run) {
  if (epoch % 50 === 0) console.log(`epoch ${epoch}: elbo ${elbo.toFixed(3)}`);
}
const posterior = await run;

const at = [[0], [0.9], [1.5], [2]];
const { mean, epistemic, quantiles } = await runtime.predict(posterior, at, { quantiles: [0.05, 0.95] });
for (const [i, [v]] of at.entries()) {
  const [low, high] = (quantiles ?? []).map(({ values }) => values[i].toFixed(2));
  const spread = Math.sqrt(epistemic[i]).toFixed(2);
  console.log(`x = ${v}: ${mean[i].toFixed(2)}, 90 % in [${low}, ${high}], epistemic ± ${spread}`);
}
console.log(posteriorDigest(posterior));
await runtime.close();
