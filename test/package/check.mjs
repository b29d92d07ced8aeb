// @ts-check
// Packs the package, looks at what is in it, installs it into an empty project and uses it there as a stranger would:
// a training from an ES module, the command line, and the types under strict NodeNext. Run by `npm run check:package`.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAX_PACKED_BYTES = 2_700_000;
const pkg = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const temporary = mkdtempSync(join(tmpdir(), 'varpool-package-'));
const project = join(temporary, 'project');

/** @param {string} command @param {string[]} args @param {string} cwd */
function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error);
    throw new Error(
      `check:package: expected \`${basename(command)} ${args.join(' ')}\` to succeed, got:\n${stdout}${stderr}`,
    );
  }
}

/** A program of this checkout's own dependencies. @param {string} name */
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);

/** @param {string} what @param {() => void} body */
function check(what, body) {
  const start = performance.now();
  body();
  console.log(`  ok  ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** First fenced block of a language in README.md. @param {string} language */
function readmeBlock(language) {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.[1];
  assert(block, `README.md: expected a block of ${language}, got none — write one`);
  return block;
}

/** Made of many sources by packaging/browser.mjs and threads.mjs. */
const BUNDLES = [
  'dist/browser/varpool.js',
  'dist/browser/worker.js',
  'dist/browser/inPage.js',
  'dist/platform/node/session.js',
  'dist/platform/node/worker.js',
];

/** Names of the files in the tarball. @param {{ files: { path: string }[], size: number }} packed */
function checkContents({ files, size }) {
  const paths = files.map(({ path }) => path);
  for (const needed of [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'package.json',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/kernels/varpool.wasm',
    'dist/kernels/varpool-emulated.wasm',
    'dist/kernels/build.json',
    'dist/browser.d.ts',
    ...BUNDLES,
    'dist/schema/config.schema.json',
    'dist/schema/sweep.schema.json',
    pkg.bin.varpool,
  ]) {
    assert(paths.includes(needed), `package: expected ${needed}, got none — check "files" and the build`);
  }
  for (const path of paths) {
    if (!path.startsWith('dist/')) continue;
    assert(!path.startsWith('dist/native/'), `package: expected no code of this machine, got ${path}`);
    assert(!path.endsWith('.tsbuildinfo'), `package: expected no build state, got ${path}`);
    const source = path.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
    if (path.startsWith('dist/kernels/') || BUNDLES.includes(path) || !source.endsWith('.ts')) continue;
    assert(
      existsSync(join(ROOT, source)),
      `package: expected ${source} for ${path}, got none — remove dist/`,
    );
  }
  assert(size <= MAX_PACKED_BYTES, `package: expected at most ${MAX_PACKED_BYTES} bytes, got ${size}`);
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert(!(hook in pkg.scripts), `package: expected no ${hook} script — it would run on users' machines`);
  }
}

const CONSUMER = `
import { build, createRuntime, elboLoss, klCost, posteriorDigest, type Posterior, type Prediction } from 'varpool';
import { bayesianDense, input, toModel, type Model } from 'varpool/bayesian';
import { createServer, type Server } from 'varpool/serve';

export const serve = (posterior: Posterior): Promise<Server> => createServer({ models: [{ name: 'one', posterior }] });

export async function main(): Promise<string> {
  await using runtime = createRuntime({ workers: 1, seed: 7 });
  const model: Model = toModel(bayesianDense(input(2), 1, { name: 'only' }), { priorSigma: 2 });
  const run = runtime.train(model, { x: [[0, 1], [1, 0]], y: [0, 1] }, { epochs: 2, batchSize: 2 });
  for await (const report of run) report.elbo.toFixed(3);
  const posterior: Posterior = await run;
  const prediction: Prediction = await runtime.predict(posterior, [[1, 1]], { draws: 4, mode: 'sample' });
  const loss: number = elboLoss([[1]], [[1]], klCost([0], [0]), { lossFn: 'mse' });
  // @ts-expect-error an unknown activation is refused
  build({ inputSize: 1, outputSize: 1, activation: 'step' });
  return posteriorDigest(posterior) + prediction.mean[0] + loss;
}
`;

/** The same names in a page, without the types of Node. */
const PAGE = `
import { build, createRuntime, load, posteriorBytes, posteriorDigest, type Posterior, type Runtime } from 'varpool/browser';

export async function main(file: File): Promise<string> {
  const runtime: Runtime = createRuntime({ workers: 1, seed: 7, workerUrl: '/worker.js' });
  const model = build({ inputSize: 2, outputSize: 1 });
  const posterior: Posterior = await runtime.train(model, { x: [[0, 1], [1, 0]], y: [0, 1] }, { epochs: 2 });
  const [again, other] = [load(posteriorBytes(posterior)), await load(file)];
  return posteriorDigest(again) + posteriorDigest(other);
}
`;

/** @param {string[]} lib @param {string} [file] @param {string[]} [types] */
function checkTypes(lib, file = 'consumer.mts', types = ['node']) {
  const compilerOptions = {
    target: 'ES2022',
    lib,
    types,
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }, null, 2));
  run(bin('tsc'), ['-p', '.'], project);
}

try {
  console.log('package: pack, lint, install into an empty project, use');
  mkdirSync(project, { recursive: true });
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary], ROOT),
  );
  const tarball = join(temporary, packed.filename);
  check(`contents: ${packed.files.length} files, ${packed.size} bytes packed`, () => checkContents(packed));
  check('publint', () => run(bin('publint'), [tarball, '--strict'], ROOT));
  check('are the types wrong', () =>
    run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'], ROOT),
  );
  check('npm install into an empty project', () => {
    writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], project);
    assert(!existsSync(join(project, 'node_modules/@tensorflow')), 'the optional peer was installed');
  });
  check('the quick start prints what README says', () => {
    cpSync(join(ROOT, 'examples/quickstart.mjs'), join(project, 'quickstart.mjs'));
    assert.equal(run(process.execPath, ['quickstart.mjs'], project), readmeBlock('text'));
  });
  check('varpool --help and --version', () => {
    const help = run('npx', ['--no-install', 'varpool', '--help'], project);
    for (const command of ['demo', 'train', 'predict', 'evaluate', 'doctor'])
      assert.match(help, RegExp(command));
    assert.equal(run('npx', ['--no-install', 'varpool', '--version'], project).trim(), pkg.version);
  });
  check('types, strict, libraries checked, without and with the DOM', () => {
    for (const name of ['@types/node', 'undici-types']) {
      cpSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name), { recursive: true });
    }
    writeFileSync(join(project, 'consumer.mts'), CONSUMER);
    checkTypes(['ES2023', 'ESNext.Disposable']);
    checkTypes(['ES2023', 'ESNext.Disposable', 'DOM']);
    writeFileSync(join(project, 'page.mts'), PAGE);
    checkTypes(['ES2023', 'ESNext.Disposable', 'DOM'], 'page.mts', []);
  });
  assert.equal(readdirSync(project).filter((name) => name.endsWith('.tgz')).length, 0);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
