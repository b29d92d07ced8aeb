// report.html of a run: which figures, curves and pictures a trained run has to show.

import { createLikelihood } from '../core/likelihoods/index.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import { curve } from '../data/synthetic.ts';
import { formatConfig } from '../experiment/config/config.ts';
import { describeModel } from '../experiment/config/network.ts';
import type { PreparedRun } from '../experiment/run/data.ts';
import type { TrainedRun } from '../experiment/run/train.ts';
import type { RunReport } from '../experiment/trainings/trainings.ts';
import { sin } from '../math/float64.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { diagnosticsSection } from './diagnosticsSection.ts';
import { type Measured, regressionBands } from './measure.ts';
import { memberCurves } from './memberCurves.ts';
import { memberRows, memberTable } from './memberMetrics.ts';
import { keptEpoch, metricRows, metricWarnings, targetTable } from './metrics.ts';
import { seconds } from './numbers.ts';
import type {
  RegressionPicture,
  ReportData,
  TrainingCurves,
  UncertaintySection,
  WhatIf,
} from './reportData.ts';
import type { RowDetails } from './rowDetails.ts';

const GRID = 301;
const PICTURE_DRAWS = 500;
/** More points than pixels say nothing. */
const MAX_CURVE_POINTS = 600;

export interface ReportParts {
  readonly title: string;
  readonly prepared: PreparedRun;
  readonly trained: TrainedRun;
  readonly measured: Measured | null;
  readonly picture: RegressionPicture | null;
  readonly details?: RowDetails;
  /** What lets the page predict; null for a page that only shows. */
  readonly whatIf?: WhatIf | null;
  /** Rows of the summary, in place of the metrics. */
  readonly summary?: ReportData['summary'];
}

export function runReport(parts: ReportParts): ReportData {
  const { title, prepared, trained, measured, picture } = parts;
  const { manifest } = trained;
  const { node, cpu, cores } = manifest.platform;
  const kept = keptEpoch(manifest);
  const uncertainty = uncertaintyOf(measured);
  const diagnostics = diagnosticsSection(trained.reports);
  const targets = measured && targetTable(measured.evaluation);
  const members = memberTable(trained.test, manifest.members);
  const average = new Map(
    memberRows(manifest.members).map(([label, value]) => [
      `test ${label.slice('one member, '.length)}`,
      value,
    ]),
  );
  return {
    title,
    subtitle: `${prepared.data.description} · ${describeModel(prepared.config.model)} · ${prepared.config.likelihood.kind} likelihood`,
    summary: parts.summary ?? [
      ...(trained.test === null ? [] : metricRows(trained.test)).map(([label, value]) => {
        const unit = ' nats per row';
        const one = average
          .get(label)
          ?.replace(unit, '')
          .replace(/ \(.*\)$/, '');
        const [plain, aside] = value.replace(unit, '').split(/ \((.*)\)$/);
        const note = [
          ...(value.endsWith(unit) ? [unit.trim()] : []),
          ...(aside === undefined ? [] : [aside]),
          ...(one === undefined ? [] : [`one member: ${one} on average`]),
        ].join(' · ');
        return { label, value: plain, ...(note === '' ? {} : { note }) };
      }),
      ...(kept === null ? [] : [{ label: 'epoch kept', value: `${kept.epoch}`, note: kept.note }]),
      {
        label: 'time',
        value: seconds(manifest.wallSeconds),
        note: `${seconds(trained.secondsPerEpoch)} per epoch`,
      },
    ],
    posteriorDigest: trained.posteriorDigest,
    config: formatConfig(prepared.config),
    footer: `varpool ${manifest.varpool} · ${manifest.startedAt} · ${manifest.workers} workers, ${manifest.backend} · Node ${node} · ${cpu}, ${cores} cores`,
    ...(picture === null ? {} : { regression: picture }),
    ...(members === null ? {} : { members }),
    ...(targets === null ? {} : { targets }),
    training: { ...trainingCurves(trained.reports), ...(kept === null ? {} : { keptEpoch: kept.epoch }) },
    ...(measured?.coverage === undefined
      ? {}
      : { coverage: { ...measured.coverage, warnings: metricWarnings(trained) } }),
    ...(measured?.reliability === undefined ? {} : { reliability: measured.reliability }),
    ...(uncertainty === null ? {} : { uncertainty }),
    ...(diagnostics === null ? {} : { diagnostics }),
    ...parts.details,
    ...(parts.whatIf ? { whatIf: parts.whatIf } : {}),
  };
}

function uncertaintyOf(measured: Measured | null): UncertaintySection | null {
  const { predictiveEntropy, mutualInformation } = measured?.prediction ?? {};
  if (!predictiveEntropy || !mutualInformation) return null;
  return {
    test: {
      label: 'test rows',
      predictiveEntropy: [...predictiveEntropy],
      mutualInformation: [...mutualInformation],
    },
  };
}

function trainingCurves(reports: readonly RunReport[]): TrainingCurves {
  return reports.some(({ member }) => member !== undefined)
    ? memberCurves(reports, curvesOf)
    : curvesOf(reports);
}

function curvesOf(reports: readonly RunReport[], length = reports.length): TrainingCurves {
  const stride = Math.ceil(length / MAX_CURVE_POINTS);
  const kept = reports.filter((report, i) => (length - 1 - i) % stride === 0 || report.validation !== null);
  const validation = (['nll', 'error', 'rmse'] as const).flatMap((key) => {
    const values = kept.map((report) => report.validation?.[key] ?? null);
    const name = { nll: 'NLL', error: 'error', rmse: 'RMSE' }[key];
    if (values.every((value) => value === null)) return [];
    return key === 'error'
      ? [{ name, unit: '%', values: values.map((value) => value && 100 * value) }]
      : [{ name, values }];
  });
  return {
    epochs: kept.map((report) => report.epoch),
    elbo: kept.map((report) => report.elbo),
    nll: kept.map((report) => report.nll),
    kl: kept.map((report) => report.kl),
    ...(validation.length === 0 ? {} : { validation }),
  };
}

/** The picture of a regression with one input and one output; null for other data. */
export async function regressionPicture(
  prepared: PreparedRun,
  runtime: Runtime,
  trained: Pick<TrainedRun, 'posterior'>,
  signal: AbortSignal,
): Promise<RegressionPicture | null> {
  const { train, test } = prepared.data;
  const { targets } = train;
  if (targets.kind !== 'values' || !createLikelihood(prepared.config.likelihood).onScale) return null;
  if (train.features.columns !== 1 || targets.values.columns !== 1) return null;
  const x = [...train.features.data];
  const [low, high] = [x.reduce((a, b) => Math.min(a, b)), x.reduce((a, b) => Math.max(a, b))];
  const synthetic = prepared.config.data.kind === 'synthetic';
  // Wide enough on both sides to see the bands open where there are no data.
  const [left, right] = synthetic ? [0.5, 0.7] : [0.35, 0.35];
  const span = high - low || 1;
  const grid = Array.from(
    { length: GRID },
    (_, i) => low - left * span + ((1 + left + right) * span * i) / (GRID - 1),
  );
  const draws = Math.max(PICTURE_DRAWS, membersOf(trained.posterior).length);
  const bands = await regressionBands(runtime, trained.posterior, grid, { draws, signal });
  return {
    inputLabel: train.featureNames?.[0] ?? 'input',
    targetLabel: targets.names?.[0] ?? 'target',
    ...bands,
    train: { x, y: [...targets.values.data] },
    ...(test === null || synthetic || test.targets.kind !== 'values'
      ? {}
      : { test: { x: [...test.features.data], y: [...test.targets.values.data] } }),
    trainRange: [low, high],
    ...(synthetic ? { truth: bands.x.map((at) => curve(at, 0, sin)) } : {}),
  };
}
