// Diagnostics of real trainings: they agree with the reports and the posterior beside them, come when they are due, are the same on
// any number of workers, and change no bit of what is trained.

import { afterAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import { diagnosePosterior } from '../../../src/core/diagnostics/diagnosePosterior.ts';
import { parameterLayout } from '../../../src/core/parameters.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import { diagnosisInterval } from '../../../src/scheduler/training/diagnosis.ts';
import type { TrainingReport } from '../../../src/scheduler/training/reports.ts';
import { FAULTY, type Fault, trainWithFaults } from '../../support/faults.ts';
import { type Problem, smallProblem, teamProblem } from '../../support/problems.ts';

const warnings: string[] = [];
const runtimes = new Map<number, Runtime>();
function runtime(workers: number): Runtime {
  let found = runtimes.get(workers);
  if (found === undefined) {
    found = createRuntime({
      ...FAULTY,
      workers,
      backend: 'wasm',
      seed: 'diagnosis',
      onWarning: (message) => warnings.push(message),
    });
    runtimes.set(workers, found);
  }
  return found;
}
afterAll(() => Promise.all([...runtimes.values()].map((open) => open.close())));

/** 90 rows. */
const small = () => smallProblem('gaussian', 1);

async function trained(workers: number, { model, data, options }: Problem, faults: Fault[] = []) {
  const run = trainWithFaults(runtime(workers), model, data, options, faults);
  const reports: TrainingReport[] = [];
  for await (const report of run) reports.push(report);
  const posterior = await run;
  return { reports, posterior, digest: posteriorDigest(posterior) };
}

const withDiagnostics = (problem: Problem, every: number | 'auto', more: TrainOptions = {}): Problem => ({
  ...problem,
  options: { ...problem.options, ...more, diagnostics: { every } },
});

describe('what is found', () => {
  test('the KL of the report, and everything that the posterior itself says', async () => {
    const { reports, posterior } = await trained(1, withDiagnostics(small(), 1));
    const N = 90;
    for (const { diagnostics, kl, nll } of reports) {
      const { all } = diagnostics!;
      expect(all.kl / (N * kl)).toBeCloseTo(1, 4);
      if (nll >= 0) expect(all.klShare).toBeCloseTo(kl / (nll + kl), 4);
      else expect(all.klShare).toBeNull();
    }
    const last = reports.at(-1)!.diagnostics!;
    const alone = diagnosePosterior(posterior);
    for (const [t, tensor] of alone.tensors.entries()) {
      const { kl, klShare, sigmaMoved, smoothedGradientNorm, ...found } = last.tensors[t];
      expect(tensor).toMatchObject(found);
      expect(tensor.kl).toBeCloseTo(kl, 6);
      expect(sigmaMoved).toBeGreaterThan(0);
    }
    const y = [...(small().data.y as { data: Float32Array }).data];
    const mean = y.reduce((a, b) => a + b) / y.length;
    const variance = y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / y.length;
    expect(last.baselineNll).toBeCloseTo(0.5 * Math.log(2 * Math.PI * Math.E * variance), 5);
  });

  test('for sgd without momentum the smoothed gradient is the gradient: what one step moved, over the rate', async () => {
    const { model, data } = small();
    const N = 90;
    const at = (epochs: number) =>
      trained(1, {
        model,
        data,
        options: {
          epochs,
          batchSize: N,
          optimizer: { kind: 'sgd', learningRate: 0.01 },
          diagnostics: { every: 1 },
        },
      });
    const [before, after] = [await at(4), await at(5)];
    const norms = after.reports.at(-1)!.diagnostics!.tensors.map((tensor) => tensor.smoothedGradientNorm!);
    const tensors = (posterior: typeof after.posterior) =>
      posterior.layers.flatMap(({ weight, bias }) => [weight, bias]);
    const [old, fresh] = [tensors(before.posterior), tensors(after.posterior)];
    for (const [t, norm] of norms.entries()) {
      for (const key of ['mu', 'rho'] as const) {
        const moved = Math.sqrt(
          fresh[t][key].reduce((sum, value, i) => sum + (value - old[t][key][i]) ** 2, 0),
        );
        expect(moved).toBeGreaterThan(0);
        // rho is near −5, so a float32 of it has an ulp of 5e-7.
        expect(Math.abs(moved / 0.01 - norm[key])).toBeLessThan(1e-3 * norm[key] + 1e-3);
      }
    }
  });
});

describe('when it is due', () => {
  test('every n-th epoch and the last; never with 0', async () => {
    const epochs = async (every: number) =>
      (await trained(1, withDiagnostics(small(), every, { epochs: 8 }))).reports
        .filter(({ diagnostics }) => diagnostics !== undefined)
        .map(({ epoch }) => epoch);
    expect(await epochs(3)).toEqual([3, 6, 8]);
    expect(await epochs(1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await epochs(0)).toEqual([]);
  });

  test('by itself: more rows or fewer epochs make it more frequent, at most 100 times, always at the end', async () => {
    const of = (rowCount: number, epochs: number, hidden: number, draws = 1) => {
      const model = build({ inputSize: 784, hiddenSizes: [hidden], outputSize: 10 });
      const problem = { model, rowCount, epochs, draws } as Parameters<typeof diagnosisInterval>[0];
      return diagnosisInterval(problem, parameterLayout(model).count);
    };
    expect(of(60_000, 10, 400)).toBe(1);
    expect(of(1024, 10, 400)).toBe(16);
    expect(of(1024, 10, 400, 8)).toBe(2);
    expect(of(60_000, 1000, 400)).toBe(10);
    expect(of(60_000, 10, 1)).toBe(1);
    const { reports } = await trained(1, withDiagnostics(small(), 'auto', { epochs: 3 }));
    expect(reports.map(({ diagnostics }) => diagnostics !== undefined)).toEqual([false, false, true]);
  });

  test.each([-1, 1.5, Number.NaN, 'often'])('every: %s is refused', async (every) => {
    const problem = withDiagnostics(small(), every as never);
    await expect(trained(1, problem)).rejects.toThrow(
      /^train: diagnostics\.every: expected auto or a whole number of at least 0, got /,
    );
  });
});

describe('what it changes', () => {
  test('no bit of the training, and itself has the same bits on any number of workers and after a lost one', async () => {
    const problem = teamProblem(1);
    const plain = await trained(2, withDiagnostics(problem, 0));
    const one = await trained(1, withDiagnostics(problem, 1));
    const three = await trained(3, withDiagnostics(problem, 1));
    const lost = await trained(3, withDiagnostics(problem, 1), [{ kind: 'exit', rank: 1, step: 3 }]);
    const found = ({ reports }: typeof one) => reports.map(({ diagnostics }) => diagnostics);
    expect(new Set([plain, one, three, lost].map(({ digest }) => digest)).size).toBe(1);
    expect(found(one).every((diagnostics) => diagnostics !== undefined)).toBe(true);
    expect(found(three)).toEqual(found(one));
    expect(found(lost)).toEqual(found(one));
  });
});

describe('warnings', () => {
  /** Epochs of 4 steps with a warning that sigma did not move. */
  async function frozenAt(options: TrainOptions): Promise<number[]> {
    warnings.length = 0;
    const optimizer = { kind: 'sgd', learningRate: 1e-12 } as const;
    const { reports } = await trained(1, withDiagnostics(small(), 1, { optimizer, ...options }));
    const found = reports.flatMap(({ epoch, diagnostics }) =>
      diagnostics!.warnings.map(({ code, message }) => ({ epoch, code, message })),
    );
    const ofEpochs = warnings.filter((warning) => warning.startsWith('train: epoch'));
    expect(ofEpochs).toEqual(found.map(({ epoch, message }) => `train: epoch ${epoch}: ${message}`));
    return found.filter(({ code }) => code === 'frozenSigma').map(({ epoch }) => epoch);
  }

  test('are in the report and told once, from the middle of the training and 100 steps on', async () => {
    expect(await frozenAt({ epochs: 70 })).toEqual([35]);
    expect(await frozenAt({ epochs: 30 })).toEqual([25]);
    expect(await frozenAt({ epochs: 24 })).toEqual([]);
  });

  test('wait for the KL to have its full weight', async () => {
    expect(await frozenAt({ epochs: 40, klWeighting: { kind: 'warmup', epochs: 33 } })).toEqual([33]);
    expect(await frozenAt({ epochs: 40, klWeighting: { kind: 'warmup', epochs: 41 } })).toEqual([]);
    expect(warnings).toEqual([
      'train: the KL ends at 0.98 of its full weight, so what is fitted is no ELBO — let it rise over fewer epochs',
    ]);
    await frozenAt({ epochs: 40, klWeighting: { kind: 'warmup', epochs: 40 } });
    expect(warnings.filter((warning) => warning.includes('full weight'))).toEqual([]);
  });

  test('a network far too wide for its rows collapses, with one warning', async () => {
    warnings.length = 0;
    const x = Array.from({ length: 16 }, (_, i) => [(i % 7) / 7, (i % 5) / 5]);
    const y = x.map((_, i) => ((i * 29) % 16) / 16);
    const model = build({ inputSize: 2, hiddenSizes: [64, 64], outputSize: 1, priorSigma: 0.05 });
    const options: TrainOptions = {
      epochs: 600,
      batchSize: 16,
      optimizer: { kind: 'adam', learningRate: 0.02 },
      diagnostics: { every: 100 },
    };
    const { reports } = await trained(1, { model, data: { x, y }, options });
    const last = reports.at(-1)!.diagnostics!;
    expect(last.layers[1].collapsed).toBeGreaterThan(0.9);
    const found = reports.flatMap(({ diagnostics }) => diagnostics?.warnings ?? []);
    expect(found.map(({ code }) => code)).toContain('collapsed');
    expect(warnings.filter((warning) => warning.includes('collapsed to the prior'))).toHaveLength(1);
  });
});
