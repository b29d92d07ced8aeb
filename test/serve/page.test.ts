// The page at `/` in Chromium, on a phone's width: it lists the models, asks a row of each, draws the answers, and asks nothing of other machines.
// Where there is no Chromium, that part is skipped.

import { writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createServer } from '../../src/serve/index.ts';
import { temporaryDirectory, varpool, writeConfig } from '../cli/cli.ts';
import { COLUMNS, POSTERIORS, start } from './harness.ts';

/** Plain JavaScript, for test:browsers runs it without a build. */
const { findBrowser, open } = await import(new URL('../browsers/support.mjs', import.meta.url).href);
const THERE: boolean = findBrowser('chromium') !== null;

test('the page names no other machine, and lets itself load nothing from one', async () => {
  const { url } = await start();
  const response = await fetch(url);
  const html = await response.text();
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; .*connect-src 'self'/,
  );
  expect([...html.matchAll(/https?:\/\/[^\s'"]+/g)].map(([found]) => found)).toEqual([
    'http://www.w3.org/2000/svg',
  ]);
  expect(html).not.toContain('id="token"');
});

/** Fills in the forms as they stand, and tells what the page looks like then. */
const VISITOR = `<script type="module">
const errors = [];
addEventListener('error', ({ message }) => errors.push(message));
addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
addEventListener('securitypolicyviolation', ({ violatedDirective }) => errors.push(violatedDirective));
const until = async (what) => { while (!what()) await new Promise((next) => setTimeout(next, 20)); };
const texts = (node, query) => [...node.querySelectorAll(query)].map(({ textContent }) => textContent);
await until(() => document.querySelectorAll('section').length === MODELS);
const report = { errors, sections: [] };
for (const section of document.querySelectorAll('section')) {
  section.querySelector('form').requestSubmit();
  await until(() => section.querySelector('.picture, .problem'));
  const { width, height } = section.querySelector('svg')?.getBoundingClientRect() ?? {};
  report.sections.push({
    name: section.dataset.model,
    labels: texts(section, 'form label').map((text) => text.slice(0, 12)),
    problem: texts(section, '.problem'),
    rows: texts(section, '.picture tr'),
    marks: section.querySelectorAll('svg rect').length,
    visible: width > 200 && height > 20,
    curl: texts(section, 'pre')[0],
  });
}
report.fits = document.documentElement.scrollWidth <= innerWidth;
report.width = innerWidth;
report.asked = [...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin === location.origin))];
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
</script></body>`;

test.skipIf(!THERE)(
  `in Chromium${THERE ? '' : ', which is not here'}: every kind of model answers in its form`,
  async () => {
    const dir = temporaryDirectory();
    const people = ['red', "l'orange"].flatMap((color) =>
      Array.from({ length: 20 }, (_, i) => `${color},${i},${i % 5}\n`),
    );
    writeFileSync(join(dir, 'people.csv'), `color,age,y\n${people.join('')}`);
    writeConfig(
      dir,
      'people.yaml',
      '{ kind: csv, path: people.csv, target: y, columns: { color: categorical }, testFraction: 0.2 }',
    );
    expect(varpool(dir, 'train', 'people.yaml', '--out', 'people', '--quiet').status).toBe(0);
    const { curve, kinds, flags } = POSTERIORS;
    const server = await createServer({
      models: [
        { name: 'curve', posterior: curve, featureNames: COLUMNS },
        { name: 'kinds', posterior: kinds },
        { name: 'flags', posterior: flags },
        join(dir, 'people'),
      ],
      backend: 'wasm',
      threads: 1,
    });
    afterAll(() => server.close());
    await server.open();
    let told: (report: never) => void = () => undefined;
    const report = new Promise<Record<string, unknown> & { sections: Record<string, never>[] }>((resolve) => {
      told = resolve as typeof told;
    });
    // The server as a part of another, which lets a visitor onto the page.
    const outer = createHttp(async (request, response) => {
      if (request.url === '/report') {
        let text = '';
        for await (const chunk of request) text += chunk;
        response.end();
        told(JSON.parse(text) as never);
      } else if (request.url === '/') {
        const { write, end } = response;
        const parts: Buffer[] = [];
        response.write = ((part: Buffer) => parts.push(Buffer.from(part))) as never;
        response.end = ((part?: Buffer) => {
          if (part !== undefined) parts.push(Buffer.from(part));
          Object.assign(response, { write, end });
          const page = Buffer.concat(parts).toString().replace('</body>', VISITOR.replace('MODELS', '4'));
          response.end(page);
        }) as never;
        response.writeHead = ((original) =>
          ((status: number, ...rest: unknown[]) => {
            response.removeHeader('content-length');
            const headers = (rest.at(-1) ?? {}) as Record<string, unknown>;
            delete headers['content-length'];
            return original.call(response, status, headers as never);
          }) as never)(response.writeHead);
        server.handle(request, response);
      } else server.handle(request, response);
    });
    await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve));
    afterAll(() => void outer.close());
    const browser = open('chromium', `http://127.0.0.1:${(outer.address() as AddressInfo).port}/`, {
      args: ['--window-size=390,800'],
    });
    try {
      const { sections, width, ...rest } = await report;
      expect(width).toBeLessThanOrEqual(500);
      expect(rest).toEqual({ errors: [], fits: true, asked: [true] });
      const byName = Object.fromEntries(
        sections.map((section) => [section.name as string, section as Record<string, unknown>]),
      );
      for (const name of ['curve', 'kinds', 'flags', 'people'])
        expect(byName[name], name).toMatchObject({
          problem: [],
          visible: true,
          curl: expect.stringMatching(
            /^curl http:\/\/127\.0\.0\.1:\d+\/v2\/models\/\w+\/infer -d '\{"inputs"/,
          ),
        });
      expect(byName.curve.labels).toEqual(
        [...COLUMNS, 'draws', 'modesampl'].map((text) => expect.stringContaining(text.slice(0, 5))),
      );
      expect(byName.curve.rows).toEqual([
        expect.stringMatching(/^prediction ± standard deviation-?[\d.]+ ± [\d.]+$/),
        expect.stringMatching(/^noise that no data removes± [\d.]+$/),
        expect.stringMatching(/^doubt that more data removes± [\d.]+$/),
      ]);
      expect(byName.kinds.marks).toBe(3);
      expect(byName.flags.marks).toBe(2);
      expect(byName.people.curl).toContain(`"datatype":"BYTES","data":["l'\\''orange"]`);
    } finally {
      await browser.close();
    }
  },
);
