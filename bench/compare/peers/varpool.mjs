// varpool itself, as built in dist/: steps, draws, whole trainings, products, normals and the machine's limits, every backend there is.
//   node varpool.mjs [one-core]   (one-core: whole trainings of small networks on one worker, and nothing else)

import { KernelBench } from '../../../dist/bench/kernelBench.js';
import { NetworkBench } from '../../../dist/bench/networkBench.js';
import { NETWORKS } from '../../../dist/bench/networks.js';
import { SWEEP, streams } from '../../../dist/bench/suite.js';
import { varpoolVersion } from '../../../dist/experiment/provenance.js';
import { nodeBackends } from '../../../dist/platform/node/backends.js';
import { serve } from './peer.mjs';

const oneCore = process.argv[2] === 'one-core';
const backends = ['native', 'wasm'].filter((name) => nodeBackends.named(name).available().ok);
const cases = new Map();
const add = (name, variant, sample) => cases.set(`${name}/${variant}`, { case: name, variant, sample });
const name = ({ sizes }) => sizes.join('-');
const whole = new NetworkBench(250);

/** A sampler of the bench as a case; `seconds` is its own business. */
const addSampler = (label, variant, sampler, pick = (sampled) => sampled) =>
  add(label, variant, async () => ({ ...pick(await sampler.sample()), work: sampler.work }));

const wholeCall = ({ detail }) => ({ ms: detail.call, detail });
for (const backend of backends) {
  if (oneCore) {
    for (const network of NETWORKS.slice(0, 2))
      addSampler(`epoch ${name(network)}`, `${backend} 1`, whole.step(network, backend, 1), wholeCall);
    continue;
  }
  for (const network of NETWORKS) {
    for (const workers of [2, 1]) {
      addSampler(`step ${name(network)}`, `${backend} ${workers}`, whole.step(network, backend, workers));
    }
  }
  for (const network of NETWORKS.slice(2))
    addSampler(`draw ${name(network)}`, `${backend} 2`, whole.draw(network, backend, 2));
}

let kernels;
if (!oneCore) {
  const gemm = (m, n, k) => ({ kind: 'gemm', m, n, k, transposeA: true });
  // As a layer has it: m outputs, n rows of data, the weights transposed.
  const products = { 'gemm 512×512×512': gemm(512, 512, 512), 'gemm 128×1200×784': gemm(1200, 128, 784) };
  const normals = { kind: 'normals', rows: 2645 }; // as many as 784-50-50-10 has weights
  const limits = [1, 2].flatMap((workers) =>
    [...SWEEP, ...streams(96 << 20, workers)].map((work) => ({ work, workers })),
  );
  kernels = new KernelBench(2, 15, [...Object.values(products), normals, ...limits.map(({ work }) => work)]);
  for (const backend of backends) {
    for (const [label, work] of Object.entries(products))
      addSampler(label, `${backend} 1`, await kernels.sampler('gemm', work, backend, 1));
    const sampler = await kernels.sampler('normals', normals, backend, 1);
    addSampler('normals', `${backend} 1`, sampler, ({ ms }) => ({ ms, elements: sampler.elements }));
    for (const { work, workers } of limits) {
      const limit = await kernels.sampler(work.kind, work, backend, workers);
      addSampler(`limit ${limit.size}`, `${backend} ${workers}`, limit);
    }
  }
}

await serve(
  { name: 'varpool', versions: { varpool: varpoolVersion(), node: process.versions.node }, backends },
  cases,
);
await Promise.all([kernels?.close(), whole.close()]);
