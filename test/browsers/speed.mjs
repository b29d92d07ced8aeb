// @ts-check
// Speed of a training step in Chromium against Node's WebAssembly, and against TensorFlow.js and jax-js doing the same Bayesian step.
// Installs their packages into a temporary folder, so it needs the npm registry; run it on a quiet machine.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import * as varpool from '../../dist/index.js';
import { varpoolStep } from './speed/varpoolSpeed.mjs';
import { open, ROOT, serve } from './support.mjs';

const NETWORKS = ['784-50-50-10', '784-400-400-10'];
const WORKERS = [1, 2];
const ROUNDS = 5;
const SECONDS = 1.5;
const PACKAGES = [
  '@tensorflow/tfjs@4.22',
  '@tensorflow/tfjs-backend-wasm@4.22',
  '@tensorflow/tfjs-backend-webgpu@4.22',
  '@jax-js/jax@0.1',
];
const PEERS = [
  ['tfjs', 'wasm'],
  ['tfjs', 'webgl'],
  ['tfjs', 'webgpu'],
  ['jax', 'wasm'],
  ['jax', 'webgpu'],
];
/** Without a GPU these have Chromium compute WebGL and WebGPU in software. */
const FLAGS = ['--enable-unsafe-swiftshader', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** @param {string} temporary */
async function peerPages(temporary) {
  const packages = join(temporary, 'packages');
  mkdirSync(packages);
  writeFileSync(join(packages, 'package.json'), '{ "private": true }');
  const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES];
  execFileSync('npm', words, { cwd: packages, stdio: 'pipe' });
  const root = join(temporary, 'site');
  const wasm = join(packages, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
  mkdirSync(join(root, 'tfjs'), { recursive: true });
  for (const name of readdirSync(wasm).filter((each) => each.endsWith('.wasm')))
    cpSync(join(wasm, name), join(root, 'tfjs', name));
  for (const name of ['tfjs', 'jax']) {
    await build({
      entryPoints: [`${ROOT}test/browsers/speed/${name}.mjs`],
      outfile: join(root, `${name}.js`),
      nodePaths: [join(packages, 'node_modules')],
      bundle: true,
      format: 'esm',
      minify: true,
      logLevel: 'error',
    });
    writeFileSync(
      join(root, `${name}.html`),
      `<!doctype html><meta charset="utf-8"><title>${name}</title><script type="module" src="${name}.js"></script>`,
    );
  }
  return root;
}

/** @param {string} root @param {string} path @param {string[]} [args] */
async function asked(root, path, args) {
  const served = await serve({ root, policy: null });
  const page = open('chromium', `${served.url}/${path}`, args === undefined ? {} : { args });
  try {
    const report = await served.report(90_000);
    if (report.error !== undefined) throw new Error(report.error);
    return report;
  } finally {
    await page.close();
    await served.close();
  }
}

/** @param {(line: string) => void} tell @returns {Promise<number>} the least of Node's time over Chromium's */
export async function besideNode(tell) {
  let least = Number.POSITIVE_INFINITY;
  for (const network of NETWORKS) {
    const sizes = network.split('-').map(Number);
    for (const workers of WORKERS) {
      const [node, page] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
      // In turn, so that both have the machine's good and bad moments; the best of each is compared.
      for (let round = 0; round < ROUNDS; round++) {
        node.push(await varpoolStep(varpool, sizes, { workers, backend: 'wasm' }, SECONDS));
        const query = `task=speed&sizes=${network}&workers=${workers}&seconds=${SECONDS}`;
        page.push((await asked(ROOT, `test/browsers/page.html?${query}`)).value);
      }
      const [ours, theirs] = [Math.min(...page), Math.min(...node)];
      least = Math.min(least, theirs / ours);
      tell(
        `${network}, varpool, ${workers} ${workers === 1 ? 'worker' : 'workers'}: Node ${theirs.toFixed(2)} ms, Chromium ${ours.toFixed(2)} ms a step: ${(theirs / ours).toFixed(2)} of Node's speed`,
      );
    }
  }
  return least;
}

/** @param {(line: string) => void} tell */
export async function besideOthers(tell) {
  const temporary = mkdtempSync(join(tmpdir(), 'varpool-speed-'));
  try {
    const root = await peerPages(temporary);
    for (const network of NETWORKS) {
      for (const [library, backend] of PEERS) {
        // In software they are too slow for more, and say nothing of a GPU.
        if (backend !== 'wasm' && network !== NETWORKS[0]) continue;
        const args = backend === 'wasm' ? undefined : FLAGS;
        const path = `${library}.html?backend=${backend}&sizes=${network}&seconds=3`;
        const said = await asked(root, path, args).then(
          ({ ms, steps }) => `${ms.toFixed(2)} ms a step (${steps} steps)`,
          (error) => `does not run: ${error.message.split('\n')[0]}`,
        );
        tell(`${network}, ${library}, ${backend}: ${said}`);
      }
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
