// @ts-check
// The rows of the matrix: how each tool gets a program with varpool ready, and what the program then prints.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { COMMONJS, digestOfTraining, PROGRAM } from './program.mjs';

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {boolean} [core] quick enough for every change
 * @property {string[]} packages the table shows the version of the first
 * @property {string} how
 * @property {string} [expected] what is printed, where it is no digest
 * @property {(project: import('./run.mjs').Project) => string} [version]
 * @property {(project: import('./run.mjs').Project) => string | Promise<string>} digest
 */

const EXTERNAL = 'stays in node_modules';

/** Moves what was built to a place from which no package can be found. @param {import('./run.mjs').Project} project @param {string} folder */
function moved({ dir, away }, folder) {
  cpSync(join(dir, folder), join(away, folder), { recursive: true });
  return join(away, folder);
}

/** @param {import('./run.mjs').Project} project @param {object} output @param {string} externalsType */
function webpack(project, output, externalsType) {
  const externals = { externals: ['varpool'], externalsType };
  const config = { mode: 'production', target: 'node20', entry: './app.mjs', ...externals, ...output };
  project.write('app.mjs', PROGRAM);
  project.write(
    'build.mjs',
    `import webpack from 'webpack';
const config = ${JSON.stringify(config)};
config.output.path = import.meta.dirname + '/out';
webpack(config, (error, stats) => {
  const problems = stats?.toString({ all: false, errors: true, warnings: true }).trim();
  if (error || problems) { console.error(error ?? problems); process.exitCode = 1; }
});`,
  );
  project.node(['build.mjs']);
  const [main] = readdirSync(join(project.dir, 'out')).filter((name) => name.startsWith('main.'));
  return project.node([join('out', main)]);
}

/** The program on a Node of another version. @param {string} version */
function requiredOn(version) {
  return /** @type {Row} */ ({
    name: `require on Node ${version}`,
    packages: [],
    how: "CommonJS, `require('varpool')`",
    version: (project) =>
      project
        .run('npx', ['-y', '-p', `node@${version}`, 'node', '--version'])
        .trim()
        .slice(1),
    digest(project) {
      project.write('app.cjs', COMMONJS);
      return project.run('npx', ['-y', '-p', `node@${version}`, 'node', '--no-warnings', 'app.cjs']);
    },
  });
}

/** @type {readonly Row[]} */
export const ROWS = [
  {
    name: 'esbuild',
    core: true,
    packages: ['esbuild'],
    how: `${EXTERNAL}: \`--packages=external\``,
    digest(project) {
      project.write('app.mjs', PROGRAM);
      const flags = [
        '--bundle',
        '--platform=node',
        '--format=esm',
        '--packages=external',
        '--outfile=out/app.mjs',
      ];
      project.run(project.bin('esbuild'), ['app.mjs', ...flags, '--log-level=warning']);
      return project.node(['out/app.mjs']);
    },
  },
  {
    name: 'rollup',
    core: true,
    packages: ['rollup'],
    how: `${EXTERNAL}: \`external: ['varpool']\``,
    digest(project) {
      project.write('app.mjs', PROGRAM);
      const flags = [
        '--input',
        'app.mjs',
        '--file',
        'out/app.mjs',
        '--format',
        'es',
        '--external',
        'varpool',
      ];
      project.run(project.bin('rollup'), [...flags, '--failAfterWarnings']);
      return project.node(['out/app.mjs']);
    },
  },
  {
    name: 'webpack (ES module)',
    core: true,
    packages: ['webpack'],
    how: `${EXTERNAL}: \`externals: ['varpool']\``,
    digest: (project) =>
      webpack(
        project,
        {
          output: { filename: '[name].mjs', module: true, chunkFormat: 'module' },
          experiments: { outputModule: true },
        },
        'module',
      ),
  },
  {
    name: 'webpack (CommonJS)',
    packages: ['webpack'],
    how: `${EXTERNAL}: \`externals: ['varpool']\``,
    digest: (project) => webpack(project, { output: { filename: '[name].cjs' } }, 'commonjs'),
  },
  {
    name: '@vercel/nft',
    core: true,
    packages: ['@vercel/nft'],
    how: 'traced: the files it needs are copied',
    async digest(project) {
      project.write('app.mjs', PROGRAM);
      project.write(
        'trace.mjs',
        `import { nodeFileTrace } from '@vercel/nft';
const { fileList } = await nodeFileTrace(['app.mjs'], { base: process.argv[2] });
console.log(JSON.stringify([...fileList]));`,
      );
      for (const file of JSON.parse(project.node(['trace.mjs', project.root]))) {
        mkdirSync(dirname(join(project.away, file)), { recursive: true });
        cpSync(join(project.root, file), join(project.away, file));
      }
      return project.node([join(relative(project.root, project.dir), 'app.mjs')], project.away);
    },
  },
  {
    name: '@vercel/ncc',
    packages: ['@vercel/ncc'],
    how: `${EXTERNAL}: \`--external varpool\``,
    digest(project) {
      project.write('app.mjs', PROGRAM);
      project.run(project.bin('ncc'), ['build', 'app.mjs', '--external', 'varpool', '-o', 'out']);
      return project.node(['out/index.mjs']);
    },
  },
  {
    name: 'Vite SSR',
    packages: ['vite'],
    how: `${EXTERNAL}, as all dependencies do there`,
    digest(project) {
      project.write('app.mjs', PROGRAM);
      project.run(project.bin('vite'), [
        'build',
        '--ssr',
        'app.mjs',
        '--outDir',
        'out',
        '--logLevel',
        'warn',
      ]);
      return project.node(['out/app.js']);
    },
  },
  {
    name: 'Next.js standalone',
    packages: ['next', 'react', 'react-dom'],
    how: "traced: `output: 'standalone'`, `serverExternalPackages: ['varpool']`",
    async digest(project) {
      project.write(
        'next.config.mjs',
        `export default { output: 'standalone', serverExternalPackages: ['varpool'], outputFileTracingRoot: import.meta.dirname };`,
      );
      project.write(
        'app/layout.js',
        'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
      );
      project.write('app/page.js', 'export default () => <p>varpool</p>;');
      project.write(
        'app/digest/route.js',
        `import * as varpool from 'varpool';
export const dynamic = 'force-dynamic';
${digestOfTraining}
export const GET = async () => new Response(await digestOfTraining(varpool));`,
      );
      project.run(project.bin('next'), ['build'], { env: { NEXT_TELEMETRY_DISABLED: '1' } });
      const out = moved(project, '.next/standalone');
      return served(out);
    },
  },
  {
    name: 'jest',
    packages: ['jest'],
    how: 'ES modules: `NODE_OPTIONS=--experimental-vm-modules`',
    expected: 'passed',
    digest(project) {
      project.write(
        'app.test.mjs',
        `import * as varpool from 'varpool';
${digestOfTraining}
test('digest', async () => { expect(await digestOfTraining(varpool)).toMatch(/^[0-9a-f]{64} 2$/); }, 60000);`,
      );
      const flags = ['--testMatch', '**/*.test.mjs', '--transform', '{}'];
      project.run(project.bin('jest'), flags, {
        env: { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
      });
      return 'passed';
    },
  },
  // Types of typed arrays have a parameter since 5.7: before, libraries are not checked.
  ...[
    { version: '5.0', skips: true },
    { version: '5.9', skips: false },
  ].map(
    ({ version, skips }) =>
      /** @type {Row} */ ({
        name: `TypeScript ${version} strict`,
        packages: [`typescript@${version}`, '@types/node@20'],
        how: `types with \`moduleResolution: node16\` and \`bundler\`${skips ? ', `skipLibCheck`' : ', libraries checked'}`,
        expected: 'passed',
        digest(project) {
          project.write('app.mts', TYPED);
          for (const [module, moduleResolution] of [
            ['node16', 'node16'],
            ['esnext', 'bundler'],
          ]) {
            const compilerOptions = {
              target: 'es2022',
              strict: true,
              exactOptionalPropertyTypes: true,
              skipLibCheck: skips,
              noEmit: true,
            };
            const lib = ['ES2022', 'DOM'];
            project.write(
              'tsconfig.json',
              JSON.stringify({
                compilerOptions: { ...compilerOptions, lib, module, moduleResolution },
                files: ['app.mts'],
              }),
            );
            project.run(project.bin('tsc'), ['-p', '.']);
          }
          return 'passed';
        },
      }),
  ),
  requiredOn('20.19'),
  requiredOn('22.12'),
  requiredOn('24'),
  ...['deno', 'bun'].map(
    (name) =>
      /** @type {Row} */ ({
        name: name === 'deno' ? 'Deno' : 'Bun',
        packages: [name],
        how: 'npm packages in node_modules',
        digest(project) {
          project.write('app.mjs', PROGRAM);
          // Their packages fetch the program in an install script.
          project.run('npm', ['rebuild', name, '--foreground-scripts']);
          const flags = name === 'deno' ? ['run', '-A', '--node-modules-dir=manual'] : [];
          return project.run(project.bin(name), [...flags, 'app.mjs']);
        },
      }),
  ),
];

const TYPED = `import { build, createRuntime, load, readTable, save, split, toRows, type Posterior, type Prediction } from 'varpool';
import { createServer } from 'varpool/serve';

export async function main(path: string): Promise<number> {
  const { train } = split(readTable(path, { target: 'y', columns: 'auto' }), { testFraction: 0.2 });
  const runtime = createRuntime({ seed: 1 });
  const model = build({ inputSize: train.x.columns, outputSize: 1 });
  const posterior: Posterior = await runtime.train(model, train, { epochs: 1, classWeights: 'balanced' });
  const prediction: Prediction = await runtime.predict(posterior, [{ a: 1, b: 'x' }], { quantiles: [0.1] });
  save('p.safetensors', posterior);
  await createServer({ models: [{ name: 'p', posterior: load('p.safetensors') as Posterior }] });
  const [{ mean }] = toRows(prediction, posterior);
  return mean as number;
}
`;

/** What the route of a standalone server answers. @param {string} dir */
async function served(dir) {
  const port = String(20_000 + Math.floor(Math.random() * 20_000));
  rmSync(join(dir, '.env'), { force: true });
  const env = { ...process.env, PORT: port, HOSTNAME: '127.0.0.1' };
  const server = spawn(process.execPath, ['server.js'], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
  try {
    for (let tries = 0; tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const response = await fetch(`http://127.0.0.1:${port}/digest`).catch(() => null);
      if (response?.ok) return await response.text();
      if (response !== null) throw new Error(`${response.status}: ${said}`);
    }
    throw new Error(`no answer: ${said}`);
  } finally {
    server.kill();
  }
}
