// Each warning is given for its fault and for no other; a healthy network gets none.

import { expect, test } from 'vitest';
import type { ModelDiagnostics, WeightDiagnostics } from '../../../src/core/diagnostics/diagnostics.ts';
import { diagnosticWarnings } from '../../../src/core/diagnostics/diagnosticWarnings.ts';

const quantiles = (p50: number) => ({ p05: p50, p25: p50, p50, p75: p50, p95: p50 });
const histogram = { from: 0, step: 2, counts: [1] };
const part = (change: Partial<WeightDiagnostics> = {}): WeightDiagnostics => ({
  name: 'all',
  count: 1000,
  kl: 100,
  klShare: 0.5,
  collapsed: 0.3,
  snr: quantiles(2),
  snrHistogram: histogram,
  sigma: quantiles(0.05),
  sigmaHistogram: histogram,
  sigmaMoved: 0.99,
  smoothedGradientNorm: { mu: 1, rho: 1 },
  ...change,
});
const model = (
  all: Partial<WeightDiagnostics> = {},
  ...layers: Partial<WeightDiagnostics>[]
): ModelDiagnostics => ({
  all: part(all),
  layers: layers.map((layer, l) => part({ name: `layers.${l}`, ...layer })),
  tensors: [],
});
const GOOD = { nll: 0.3, baselineNll: 2.3 };

test('a healthy network, even with a KL share of 99.9 % as wide ones have, gets none', () => {
  expect(diagnosticWarnings(model({ klShare: 0.999 }, {}, {}), GOOD)).toEqual([]);
});

test('collapse names the layers and their shares; a handful of weights is no layer', () => {
  const found = model({}, { collapsed: 0.974 }, { collapsed: 0.89 }, { collapsed: 1, count: 15 });
  const [warning, ...others] = diagnosticWarnings(found, GOOD);
  expect(others).toEqual([]);
  expect(warning.code).toBe('collapsed');
  expect(warning.message).toMatch(
    /^97 % of the weights of layers\.0 have collapsed to the prior: there the KL/,
  );
  expect(warning.message).not.toMatch(/layers\.[12]/);
  const two = diagnosticWarnings(model({}, { collapsed: 1 }, { collapsed: 0.999 }), GOOD);
  expect(two[0].message).toMatch(
    /^100 % of the weights of layers\.0, 99\.9 % of the weights of layers\.1 have/,
  );
});

test('an nll no better than that of a constant', () => {
  const at = (nll: number, klShare: number | null) =>
    diagnosticWarnings(model({ klShare }, {}), { nll, baselineNll: 2.3 });
  expect(at(2.28, 0.5)).toEqual([]);
  expect(at(2.295, 0.85)[0]).toMatchObject({
    code: 'underfit',
    message: expect.stringMatching(
      /^the training rows are fitted no better \(nll 2\.29\d*\) than by a constant \(2\.3\) while the KL is 85 % of −ELBO — /,
    ),
  });
  expect(at(5, null)[0].message).not.toContain('−ELBO');
  expect(at(Number.NaN, null)).toEqual([]);
});

test('sigma that did not move; where it is not known whether it did, nothing is said', () => {
  expect(diagnosticWarnings(model({ sigmaMoved: 0.04 }), GOOD)[0]).toMatchObject({
    code: 'frozenSigma',
    message: expect.stringMatching(/^sigma of 96 % of the weights is where it started \(0\.05\)/),
  });
  expect(diagnosticWarnings(model({ sigmaMoved: 0.06 }), GOOD)).toEqual([]);
  expect(diagnosticWarnings(model({ sigmaMoved: null }), GOOD)).toEqual([]);
});

test('a posterior that is a point estimate', () => {
  expect(diagnosticWarnings(model({ snr: quantiles(19.9) }), GOOD)).toEqual([]);
  expect(diagnosticWarnings(model({ snr: quantiles(34) }), GOOD)[0]).toMatchObject({
    code: 'pointEstimate',
    message: expect.stringMatching(/^\|mu\|\/sigma is above 1000 for half of the weights/),
  });
});

test('every message is one line', () => {
  const bad = model({ sigmaMoved: 0, snr: quantiles(50), klShare: 1 }, { collapsed: 1 });
  const warnings = diagnosticWarnings(bad, { nll: 3, baselineNll: 2 });
  expect(warnings.map(({ code }) => code)).toEqual(['collapsed', 'underfit', 'frozenSigma', 'pointEstimate']);
  for (const { message } of warnings) expect(message).not.toMatch(/\n/);
});
