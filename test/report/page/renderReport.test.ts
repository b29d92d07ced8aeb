// The page as a file: complete, self-contained, safe whatever text is in it, small.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChartSpec } from '../../../src/report/charts/chartSpec.ts';
import { escapeHtml, escapeJson } from '../../../src/report/page/escape.ts';
import { renderReport } from '../../../src/report/page/renderReport.ts';
import { sampleReport } from '../sampleReport.ts';

const page = renderReport(sampleReport);
const scriptsOf = (html: string) =>
  [...html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)].map(([, attributes, text]) => ({
    attributes,
    text,
  }));
const islandOf = (html: string): ChartSpec[] => JSON.parse(scriptsOf(html)[0].text);

describe('content', () => {
  it('has the summary, the digest, the config and every chart with its own box and legend', () => {
    expect(page).toContain('<title>Sample &amp; report</title>');
    expect(page).toContain('<dt>Test NLL</dt><dd>−1.28<small>nats per row</small></dd>');
    expect(page).toMatch(/posteriorDigest<code>3f6b2c1e[0-9a-f]{56}<\/code>/);
    expect(page).toContain('<details class="card" id="config"><summary>Config</summary><pre>seed: demo');
    const ids = islandOf(page).map((chart) => chart.id);
    expect(ids).toEqual([
      'regression',
      'fit-0',
      'residuals-0',
      'coverage',
      'reliability',
      'predictiveEntropy',
      'mutualInformation',
      'elbo',
      'nll',
      'kl',
      'validation-0',
      'snr',
      'collapsed',
      'kl-per-weight',
      'kl-share',
      'sigma',
      'gradient',
    ]);
    for (const id of ids) {
      expect(page.split(`id="chart-${id}"`)).toHaveLength(2);
      expect(page.split(`id="legend-${id}"`)).toHaveLength(2);
    }
  });

  it('says what is wrong in words above the charts of the weights', () => {
    expect(page).toContain(
      '<ul class="notes card">\n<li>Epoch 300: 97 % of the weights of &lt;layers.0&gt; have collapsed</li>\n</ul>',
    );
    const healthy = renderReport({
      ...sampleReport,
      diagnostics: { ...sampleReport.diagnostics!, warnings: [] },
    });
    expect(healthy).not.toContain('<ul');
  });

  it('leaves out what has no data', () => {
    const bare = renderReport({ title: 'Bare', summary: [] });
    expect(islandOf(bare)).toEqual([]);
    for (const absent of [
      'id="summary"',
      'id="digest"',
      '<details',
      'class="charts"',
      'drag to zoom',
      '<table',
    ])
      expect(bare).not.toContain(absent);
  });

  it('has the numbers of every chart behind it, where a keyboard gets at them', () => {
    for (const { id } of islandOf(page)) {
      const box = page.slice(page.indexOf(`id="chart-${id}"`)).split('</figure>')[0];
      expect(box, id).toMatch(
        /^id="chart-[\w-]+" role="group" aria-roledescription="chart" aria-label="[^"]+" tabindex="0"/,
      );
      expect(box, id).toMatch(
        /<details class="numbers"><summary>Numbers[^<]*<\/summary><div class="scroll" tabindex="0"/,
      );
    }
    expect(page).toContain('<th scope="row">0 %</th><td>0 %</td><td>0 %</td><td>0 %</td>');
    // Of many numbers every n-th and the last.
    const elbo = page.slice(page.indexOf('id="chart-elbo"')).split('</figure>')[0];
    expect(elbo).toContain('(every 10th of 400)');
    expect(
      [...elbo.matchAll(/<th scope="row">(\d+)<\/th>/g)].map(([, epoch]) => Number(epoch)).slice(-2),
    ).toEqual([391, 400]);
  });

  it('has the confusion matrix, the least sure rows and their pictures, before how it was trained', () => {
    expect(page).toContain(
      '<tr><th scope="row">cat</th><td class="right" style="--share:0.800">8</td><td class="wrong" style="--share:0.200">2</td></tr>',
    );
    expect(page).toContain('<canvas id="image-0" role="img" aria-label="cat, taken for dog"></canvas>');
    expect(JSON.parse(scriptsOf(page)[1].text).items[0].pixels).toEqual([0, 255, 128, 0]);
    const order = [
      'picture',
      'fit',
      'calibration',
      'uncertainty',
      'confusion',
      'least-sure',
      'training',
      'diagnostics',
    ];
    const places = order.map((id) => page.indexOf(`<section id="${id}">`));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });

  it('lists the commonest confusions of many classes in place of a matrix', () => {
    const classes = Array.from({ length: 40 }, (_, k) => `c${k}`);
    const counts = classes.map((_, a) => classes.map((__, p) => (a === 3 && p === 5 ? 9 : a === p ? 50 : 0)));
    const many = renderReport({ ...sampleReport, confusion: { classes, counts } });
    expect(many).toContain('<th scope="row">c3</th><td>c5</td><td>9</td>');
    expect(many).not.toContain('class="confusion"');
  });

  it('has a table in place of a chart with a single point', () => {
    const one = renderReport({
      title: 't',
      summary: [],
      training: {
        epochs: [1],
        elbo: [-1.5],
        nll: [1],
        kl: [0.5],
        validation: [{ name: 'RMSE', values: [3] }],
      },
    });
    expect(islandOf(one)).toEqual([]);
    expect(one).toContain('Epoch 1 is the only one there is a number of');
    expect(one).toContain('<th scope="row">ELBO</th><td>-1.5</td><td>nats per training row</td>');
    expect(one).toContain('<th scope="row">Validation: RMSE</th><td>3</td><td></td>');
  });

  it('has both color schemes and a viewport for phones', () => {
    expect(page).toContain('@media (prefers-color-scheme: dark)');
    expect(page).toContain('name="viewport" content="width=device-width, initial-scale=1"');
  });

  it('weighs less than 300 kB and is the same text every time', () => {
    expect(Buffer.byteLength(page)).toBeLessThan(300_000);
    expect(renderReport(sampleReport)).toBe(page);
  });
});

describe('self-containment', () => {
  it('loads nothing: no src, link, import, url() or fetch', () => {
    expect(page).not.toMatch(/<(link|img|iframe|object|embed|base|form)\b/i);
    expect(page).not.toMatch(/\s(src|href|action|srcset|background)\s*=\s*["']/i);
    expect(page).not.toMatch(
      /@import|url\(|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|\bimport\(/,
    );
    const markup = page.replace(/<script[\s\S]*?<\/script>/g, '');
    expect(markup).not.toMatch(/https?:|\/\/[a-z0-9-]+\.[a-z]/i);
  });

  it('carries a policy that allows exactly its two scripts', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy).toMatch(/^default-src 'none';/);
    const runnable = scriptsOf(page).filter((script) => !script.attributes.includes('application/json'));
    expect(runnable).toHaveLength(2);
    const hashes = runnable.map(
      ({ text }) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
    );
    expect(policy.split('script-src ')[1]).toBe(hashes.join(' '));
  });

  it('has uPlot with its license and scripts that parse', () => {
    const [, , library, start] = scriptsOf(page);
    expect(library.text).toMatch(/MIT License[\s\S]*Leon Sorokin[\s\S]*var uPlot=/);
    for (const { text } of [library, start]) expect(() => new Function(text)).not.toThrow();
  });
});

describe('hostile text', () => {
  const attack = '</script><b onload="x">\'&\u2028\u2029<!--<script>';
  const hostile = renderReport({
    ...sampleReport,
    title: attack,
    subtitle: attack,
    summary: [{ label: attack, value: attack, note: attack }],
    posteriorDigest: attack,
    config: attack,
    footer: attack,
    regression: { ...sampleReport.regression!, inputLabel: attack, targetLabel: attack },
    training: {
      ...sampleReport.training!,
      validation: [{ name: attack, unit: attack, values: sampleReport.training!.nll }],
    },
    uncertainty: { ...sampleReport.uncertainty!, test: { ...sampleReport.uncertainty!.test, label: attack } },
    diagnostics: {
      ...sampleReport.diagnostics!,
      layers: sampleReport.diagnostics!.layers.map((layer) => ({ ...layer, name: attack })),
      warnings: [attack],
    },
  });

  it('stays text in markup, attributes and data', () => {
    expect(hostile).not.toContain('<b onload');
    expect(hostile.split('</script>')).toHaveLength(page.split('</script>').length);
    expect(hostile).not.toContain('<!--');
    const markup = hostile.replace(/<script[\s\S]*?<\/script>/g, '');
    expect(markup.split(escapeHtml(attack)).length).toBeGreaterThan(9);
    const chart = islandOf(hostile)[0];
    expect([chart.xLabel, chart.yLabel]).toEqual([attack, attack]);
    expect(scriptsOf(hostile)[0].text).not.toMatch(/[<>&\u2028\u2029]/);
  });

  it('survives for any string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(escapeJson({ [text]: [text] }))).toEqual({ [text]: [text] });
        expect(escapeJson(text)).not.toMatch(/[<>&\u2028\u2029]/);
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        const back: Record<string, string> = {
          '&lt;': '<',
          '&gt;': '>',
          '&quot;': '"',
          '&#39;': "'",
          '&amp;': '&',
        };
        expect(escaped.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => back[entity])).toBe(text);
      }),
    );
  });
});
