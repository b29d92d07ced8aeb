// @ts-check
// Projects made from scratch with the packed package, one for each build tool: built as their users would, they train in Chromium and
// in Firefox under a strict policy and end with the golden digest.

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { open, ROOT, serve } from './support.mjs';

/** @typedef {import('./support.mjs').BrowserName} BrowserName */

/** @param {string} from @param {string} [options] of createRuntime */
const program = (from, options = '') => `
import { createRuntime, posteriorDigest } from '${from}';
import { TRAININGS } from './trainings.mjs';
const begun = performance.now();
const { model, data, options } = TRAININGS.values();
let first = 0;
const runtime = createRuntime({ workers: 2, seed: 'golden'${options} });
const onProgress = ({ step }) => { if (first === 0 && step > 0) first = performance.now(); };
runtime.train(model, data, { ...options, onProgress }).then(
  (posterior) => ({ digest: posteriorDigest(posterior), isolated: crossOriginIsolated, first: first - begun, loaded: begun }),
  (error) => ({ error: String(error) }),
).then((report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) }));
`;
/** The hook of docs/browser.md, in a page of React. @param {string} options of createRuntime */
function reactProgram(options) {
  const [, hook] =
    /```js\n(function useTraining[\s\S]*?)```/.exec(readFileSync(`${ROOT}docs/browser.md`, 'utf8')) ?? [];
  return `
import { createElement, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createRuntime, posteriorDigest } from 'varpool';
import { TRAININGS } from './trainings.mjs';
${hook}
const begun = performance.now();
let first = 0;
const { model, data, options } = TRAININGS.values();
const runtime = createRuntime({ workers: 2, seed: 'golden'${options} });
const post = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
function Page() {
  const { report, posterior, error } = useTraining(runtime, model, data, options);
  if (report !== null && first === 0) first = performance.now();
  useEffect(() => {
    if (error !== null) void post({ error: String(error) });
    if (posterior !== null) void post({ digest: posteriorDigest(posterior), isolated: crossOriginIsolated, first: first - begun });
  }, [posterior, error]);
  return createElement('p', null, report === null ? '…' : \`epoch \${report.epoch}\`);
}
createRoot(document.getElementById('root')).render(createElement(Page));
`;
}
const page = (/** @type {string} */ script) =>
  `<!doctype html><meta charset="utf-8"><title>varpool</title>${script === '' ? '' : `<script type="module" src="${script}"></script>`}`;

/**
 * What each tool needs, and how it makes a folder to serve.
 * @type {Record<string, { packages: string[], build: (project: string) => string }>}
 */
const TOOLS = {
  vite: {
    packages: ['vite@8'],
    build(project) {
      write(project, { 'index.html': page('/main.js'), 'main.js': program('varpool') });
      npx(project, ['vite', 'build', '--logLevel', 'warn']);
      return join(project, 'dist');
    },
  },
  webpack: {
    packages: ['webpack@5', 'webpack-cli@6'],
    build(project) {
      write(project, {
        'src/index.js': program('varpool/browser'),
        'dist/index.html': page('/main.js'),
        // Of its warnings, all but those that call any script of more than 244 KiB large.
        'webpack.config.js': 'export default { performance: false };',
        'src/trainings.mjs': readFileSync(`${project}/trainings.mjs`, 'utf8'),
      });
      npx(project, ['webpack', '--mode', 'production', '--stats', 'errors-warnings']);
      return join(project, 'dist');
    },
  },
  'esbuild and React': {
    packages: ['esbuild@0.28', 'react@19', 'react-dom@19'],
    build(project) {
      const urls = ", workerUrl: '/varpool/worker.js', wasmUrl: '/varpool/varpool.wasm'";
      const html = `${page('/main.js')}<div id="root"></div>`;
      write(project, { 'main.js': reactProgram(urls), 'out/index.html': html });
      npx(project, [
        'esbuild',
        'main.js',
        '--bundle',
        '--format=esm',
        '--minify',
        '--outdir=out',
        '--log-level=warning',
      ]);
      const parts = join(project, 'node_modules/varpool/dist');
      for (const part of ['browser/worker.js', 'kernels/varpool.wasm', 'kernels/varpool-emulated.wasm'])
        cpSync(join(parts, part), join(project, 'out/varpool', part.split('/')[1]));
      return join(project, 'out');
    },
  },
  'no tool': {
    packages: [],
    build(project) {
      write(project, {
        'index.html': page('/main.js'),
        'main.js': program('./node_modules/varpool/dist/browser/varpool.js'),
      });
      return project;
    },
  },
};

/** @param {string} project @param {Record<string, string>} files */
function write(project, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(project, name, '..'), { recursive: true });
    writeFileSync(join(project, name), text);
  }
}

/** @param {string} project @param {string[]} args */
function npx(project, args) {
  const said = execFileSync('npx', ['--no-install', ...args], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (/warning/i.test(said)) throw new Error(`expected no warnings, got ${said}`);
}

/** Kilobytes, compressed, of what is served by the ending of its name. @param {string} folder @param {string} ending */
function compressed(folder, ending) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith(ending) && !name.includes('node_modules'),
  );
  return (
    files
      .map((name) => join(folder, name))
      .filter((file) => statSync(file).isFile())
      .reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0) / 1024
  );
}

/**
 * @param {readonly BrowserName[]} browsers
 * @param {string} expected the digest
 * @param {(line: string, error: string | null) => void} tell
 */
export async function tryBundlers(browsers, expected, tell) {
  const temporary = mkdtempSync(join(tmpdir(), 'varpool-bundlers-'));
  try {
    const packed = execFileSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary],
      { cwd: ROOT, encoding: 'utf8' },
    );
    const tarball = join(temporary, JSON.parse(packed)[0].filename);
    for (const [name, { packages, build }] of Object.entries(TOOLS)) {
      const project = join(temporary, name.replaceAll(' ', '-'));
      try {
        write(project, {
          'package.json': JSON.stringify({ name: 'page', private: true, type: 'module' }),
          'trainings.mjs': readFileSync(`${ROOT}test/golden/trainings.mjs`, 'utf8'),
        });
        execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball, ...packages], {
          cwd: project,
          stdio: 'pipe',
        });
        const root = build(project);
        const size = name === 'no tool' ? '' : `, JavaScript ${compressed(root, 'js').toFixed(0)} kB gzip`;
        for (const browser of browsers) {
          const served = await serve({ root });
          const opened = open(browser, `${served.url}/`);
          try {
            const report = await served.report(120_000);
            const wrong = report.digest !== expected || !report.isolated;
            tell(
              `${name}, ${browser}: first step after ${report.first?.toFixed(0)} ms${size}`,
              wrong
                ? `expected the golden digest in an isolated page, got ${JSON.stringify(report)}; asked for ${served.requests.join(' ')}`
                : null,
            );
          } catch (error) {
            tell(`${name}, ${browser}`, `${error}; asked for ${served.requests.join(' ')}`);
          } finally {
            await opened.close();
            await served.close();
          }
        }
      } catch (error) {
        const { stderr = '', stdout = '' } = /** @type {{ stderr?: string, stdout?: string }} */ (error);
        tell(name, `${error}\n${stdout}${stderr}`);
      }
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
