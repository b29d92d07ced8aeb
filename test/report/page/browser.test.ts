// The page in a browser: no violation that axe-core finds, in light and dark, wide and narrow; keys read charts; paper cuts nothing.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect } from 'vitest';
import { renderReport } from '../../../src/report/page/renderReport.ts';
import { inPage, testInChromium } from '../../support/chromium.ts';
import { sampleReport } from '../sampleReport.ts';

const page = renderReport({
  ...sampleReport,
  members: { columns: ['NLL'], rows: [{ label: 'ensemble of 2', values: ['1'], strong: true }] },
  sections: [
    {
      id: 'runs',
      heading: 'Runs',
      notes: ['b: tested on other rows'],
      tables: [
        { caption: 'Two runs.', corner: 'run', columns: ['NLL'], rows: [{ label: 'a', values: ['1'] }] },
      ],
    },
  ],
});

describe('in a browser', () => {
  for (const look of [{ width: 1200 }, { width: 390 }, { width: 1200, dark: true }]) {
    testInChromium(`axe finds no violation, ${look.width} wide${look.dark ? ', dark' : ''}`, () => {
      const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
      const found = inPage(
        page,
        `${axe.replaceAll('</script>', '<\\/script>')};
        for (const details of document.querySelectorAll('details')) details.open = true;
        const { violations, passes } = await axe.run();
        return {
          violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target).join(', ')),
          passes: passes.length,
        };`,
        look,
      ) as { violations: string[]; passes: number };
      expect(found.violations).toEqual([]);
      expect(found.passes).toBeGreaterThan(15);
    });
  }

  testInChromium('arrow keys move the cursor of a focused chart and say what is there', () => {
    const said = inPage(
      page,
      `const chart = document.getElementById('chart-coverage');
      chart.focus();
      const heard = [];
      for (const key of ['Home', 'ArrowRight', 'End', 'ArrowLeft']) {
        chart.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        await new Promise((next) => setTimeout(next, 50));
        heard.push(document.getElementById('said-coverage').textContent);
      }
      return { heard, focused: document.activeElement === chart };`,
      { width: 1000 },
    ) as { heard: string[]; focused: boolean };
    expect(said.focused).toBe(true);
    expect(said.heard.map((text) => text.split(',')[0])).toEqual([
      'level 0 %: observed 0 %',
      'level 50 %: observed 54 %',
      'level 100 %: observed 100 %',
      'level 90 %: observed 91 %',
    ]);
  });

  testInChromium('every chart and picture is drawn, and nothing is wider than a narrow screen', () => {
    const found = inPage(
      page,
      `const filled = (canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value !== 0);
      };
      return {
        charts: [...document.querySelectorAll('.chart')].filter((chart) => !filled(chart.querySelector('canvas'))).map(({ id }) => id),
        images: [...document.querySelectorAll('.images canvas')].map(filled),
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      };`,
      { width: 500 },
    );
    expect(found).toEqual({ charts: [], images: [true], overflow: 0 });
  });

  testInChromium('on paper charts shrink to the page and have the colors of paper', () => {
    const printed = page.replaceAll('@media print', '@media all');
    const found = inPage(
      printed,
      `window.dispatchEvent(new Event('beforeprint'));
      await new Promise((next) => setTimeout(next, 50));
      document.querySelector('main').style.width = '500px';
      await new Promise((next) => setTimeout(next, 50));
      const right = document.querySelector('main').getBoundingClientRect().right;
      return {
        cut: [...document.querySelectorAll('.chart canvas, figure, table')].filter((one) => one.getBoundingClientRect().right > right + 1).length,
        page: getComputedStyle(document.documentElement).getPropertyValue('--page').trim(),
        ink: getComputedStyle(document.documentElement).getPropertyValue('--ink').trim(),
        hidden: [...document.querySelectorAll('.numbers')].every((one) => one.getClientRects().length === 0),
      };`,
      { width: 1200, dark: true },
    );
    expect(found).toEqual({ cut: 0, page: '#ffffff', ink: '#16202c', hidden: true });
  });
});
