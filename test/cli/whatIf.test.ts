// --what-if: the report carries its posterior and predicts by itself, with the bits of Node; only where it is asked for.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRuntime, load } from '../../src/index.ts';
import { inPage, testInChromium } from '../support/chromium.ts';
import { temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const report = (run: string) => readFileSync(join(dir, run, 'report.html'), 'utf8');
const SECTION = 'id="what-if-fields"';

beforeAll(() => {
  const rows = Array.from(
    { length: 40 },
    (_, i) => `${i / 10},${['red', 'blue'][i % 2]},${i % 3 === 0},${i * 2 - 3}\n`,
  );
  writeFileSync(join(dir, 'table.csv'), `size,"color <b>",new,price\n${rows.join('')}`);
  const columns = '{ "color <b>": categorical, new: boolean }';
  writeConfig(
    dir,
    'table.yaml',
    `{ kind: csv, path: table.csv, target: price, columns: ${columns}, testFraction: 0.2 }`,
  );
  writeFileSync(
    join(dir, 'wide.csv'),
    Array.from({ length: 20 }, (_, r) => `${Array(42).fill(r).join(',')}\n`).join(''),
  );
  writeConfig(dir, 'wide.yaml', '{ kind: csv, path: wide.csv, target: 41, header: false }');
});

describe('--what-if', () => {
  test('train puts the posterior and the program into the report; it states their size and allows only their scripts', () => {
    const ended = varpool(dir, 'train', 'table.yaml', '--out', 'asked', '--quiet', '--what-if');
    expect(ended.status, ended.stderr).toBe(0);
    const html = report('asked');
    expect(html).toContain(SECTION);
    expect(html).toMatch(/makes it \d+ kB larger: \d+ kB posterior, \d+ kB program/);
    expect(html).toContain('color &lt;b&gt;<select id="what-if-1">');
    const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script]) => script);
    expect(scripts).toHaveLength(4);
    const hash = (script: string) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
    const [, policy] = /Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];
    expect(policy).toBe(
      `default-src 'none'; style-src 'unsafe-inline'; script-src ${scripts.map(hash).join(' ')} 'wasm-unsafe-eval'`,
    );
  });

  test('without it nothing of this is in the report; resume makes the report of a finished run again with it', () => {
    expect(varpool(dir, 'train', 'table.yaml', '--out', 'plain', '--quiet').status).toBe(0);
    expect(report('plain')).not.toContain(SECTION);
    expect(report('plain')).not.toContain('wasm-unsafe-eval');
    const before = readFileSync(join(dir, 'plain/posterior.safetensors'));
    const ended = varpool(dir, 'resume', 'plain', '--what-if', '--quiet');
    expect(ended.status, ended.stderr).toBe(0);
    expect(report('plain')).toContain(SECTION);
    expect(readFileSync(join(dir, 'plain/posterior.safetensors')).equals(before)).toBe(true);
  });

  test('data of many columns is refused before anything is trained', () => {
    const ended = varpool(dir, 'train', 'wide.yaml', '--out', 'wide', '--what-if');
    expect(ended).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /--what-if: expected data of at most 40 columns, got 41 — train without it/,
      ),
    });
    expect(existsSync(join(dir, 'wide'))).toBe(false);
  });

  testInChromium('the page answers with the bits of Node, and says which cell does not fit', async () => {
    const runtime = createRuntime({ workers: 1 });
    const posterior = load(join(dir, 'asked/posterior.safetensors'));
    const rows = [
      { size: 2.5, 'color <b>': 'red', new: true },
      { size: -1, 'color <b>': 'blue', new: false },
    ];
    const { mean, variance, epistemic } = await runtime.predict(posterior, rows, { draws: 50 });
    await runtime.close();
    const found = inPage(
      report('asked'),
      `const section = document.getElementById('what-if-fields');
      const answer = document.getElementById('what-if-answer');
      const until = async (holds) => { while (!holds()) await new Promise((next) => setTimeout(next, 20)); };
      section.open = true;
      await until(() => answer.textContent !== '');
      const first = answer.textContent;
      const curve = document.querySelector('#what-if-answer polyline').getAttribute('points').split(' ').length;
      const set = async (id, value) => {
        const before = answer.textContent;
        document.getElementById(id).value = value;
        document.getElementById(id).dispatchEvent(new Event('input'));
        await until(() => answer.textContent !== before);
      };
      await set('what-if-0', '3.9');
      const moved = answer.textContent;
      await set('what-if-2', 'perhaps');
      const refused = answer.textContent;
      const data = JSON.parse(document.getElementById('what-if-data').textContent);
      const kernels = document.getElementById('what-if-kernels').textContent;
      const page = await varpoolInPage({ posterior: data.posterior, kernels });
      const { mean, variance, epistemic } = await page.predict(${JSON.stringify(rows)}, { draws: 50 });
      return { first, moved, refused, curve, mean, variance, epistemic };`,
      { width: 1000 },
    ) as Record<string, unknown>;
    expect(found).toMatchObject({
      mean: [...mean],
      variance: [...variance],
      epistemic: [...epistemic],
      curve: 41,
    });
    expect(found.first).toMatch(/^price.+90 % of such rows.+price along size/);
    expect(found.moved).not.toBe(found.first);
    expect(found.refused).toMatch(/column "new": expected .+, got "perhaps"/);
  });
});
