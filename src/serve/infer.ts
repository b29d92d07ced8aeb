// From a parsed request to an answer: which outputs are meant, whether the request is within the limits, and what is computed for it.

import { predictedColumns } from '../core/likelihoods/sizes.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { describeValue, nearest } from '../messages.ts';
import { type AdaptiveDraws, readAdaptive, untilTolerance } from '../runtime/adaptiveDraws.ts';
import { predictPlan } from '../runtime/settings.ts';
import type { PredictionSettings } from './batching/engine.ts';
import type { Gate } from './batching/gate.ts';
import { allDraws } from './models/draws.ts';
import { DEFAULT_LEVELS, type OutputKind, type OutputTensor, takeOutput } from './models/outputs.ts';
import type { ServedModel } from './models/served.ts';
import type { Limits } from './options.ts';
import { asRefusal, badField, tooLarge } from './problem.ts';
import { ofParameter, ofTolerance } from './protocol/parameters.ts';
import type { InferRequest, RequestedOutput } from './protocol/request.ts';
import { type Encoded, encodeAnswer } from './protocol/response.ts';

/** What a request is answered with, checked. */
export interface Plan {
  readonly x: Matrix;
  readonly settings: PredictionSettings;
  /** Where rows draw until a tolerance is reached; `settings.draws` is then the most. */
  readonly adaptive: Required<AdaptiveDraws> | null;
  readonly wanted: readonly (RequestedOutput & { readonly kind: OutputKind | 'draws' })[];
  readonly deadlineMs: number;
}

export interface Caller {
  readonly name: string;
  /** Aborted when the caller has disconnected. */
  readonly signal: AbortSignal;
}

/** @throws RequestProblem that names the field */
export function planInfer(served: ServedModel, request: InferRequest, limits: Limits): Plan {
  const { parameters } = request;
  const { seed } = parameters;
  const wanted = wantedOutputs(served, request);
  const x = served.inputs.read(request.inputs);
  if (x.rows > limits.rows)
    throw tooLarge('inputs[0].shape[0]', `at most ${limits.rows} rows`, `${x.rows}`, 'send several requests');
  const { mode, draws, adaptive } = planDraws(served, request, limits, x.rows);
  const kinds = wanted.map(({ kind }) => kind);
  if (kinds.includes('draws') && adaptive !== null) {
    const next = 'leave the output out, or take a fixed number of draws';
    throw badField('parameters.tolerance', 'a fixed number of draws for output draws', 'a tolerance', next);
  }
  if (kinds.includes('draws') && mode === 'marginal') {
    const next = 'leave the output out, or take mode sample';
    throw badField('parameters.mode', 'sample or mean for output draws', 'marginal', next);
  }
  const needsLevels = wanted.some(({ name }) => name === 'quantiles');
  const levels = needsLevels ? (parameters.quantiles ?? DEFAULT_LEVELS) : [];
  const K = predictedColumns(served.loaded.posterior);
  const values =
    x.rows *
    K *
    kinds.reduce<number>(
      (sum, kind) => sum + (kind === 'draws' ? draws : kind.name === 'quantiles' ? levels.length : 1),
      0,
    );
  if (values > limits.outputValues)
    throw tooLarge(
      'outputs',
      `at most ${limits.outputValues} numbers`,
      `${values}`,
      'ask for fewer rows or draws',
    );
  return {
    x,
    settings: { draws, mode, levels, seed },
    adaptive,
    wanted,
    deadlineMs: Math.min(parameters.deadlineMs ?? limits.deadlineMs, limits.deadlineMs),
  };
}

/** Mode and draws as the posterior can have them. */
function planDraws(served: ServedModel, { parameters }: InferRequest, limits: Limits, rows: number) {
  const { members, families } = served;
  const given = parameters.adaptive;
  const adaptive =
    given === null ? null : asRefusal(() => readAdaptive('parameters', given, members), ofTolerance);
  const asked = {
    mode: parameters.mode,
    draws: adaptive?.max ?? parameters.draws ?? Math.max(members, served.loaded.draws),
  };
  const at = adaptive === null ? 'parameters.draws' : 'parameters.max_draws';
  const fixed = asRefusal(() => predictPlan('parameters', asked, families), ofParameter);
  // Mode mean has a draw a member, however many were asked for.
  if (fixed.mode === 'mean') return { ...fixed, adaptive: null };
  const plan = { ...fixed, adaptive };
  const { draws } = plan;
  if (draws > limits.draws) throw tooLarge(at, `at most ${limits.draws} draws`, `${draws}`, 'ask for fewer');
  if (rows * draws > limits.rowDraws) {
    const got = `${rows} × ${draws}`;
    throw tooLarge(
      at,
      `at most ${limits.rowDraws} rows × draws`,
      got,
      'ask for fewer rows or draws in a request',
    );
  }
  return plan;
}

function wantedOutputs(served: ServedModel, request: InferRequest): Plan['wanted'] {
  const { parameters, outputs, binary } = request;
  if (parameters.quantiles !== null && !served.onScale) {
    const next = 'leave it out: a distribution over classes has none';
    throw badField('parameters.quantiles', 'a model that predicts numbers', 'classes', next);
  }
  if (outputs === null) {
    return served.outputs
      .filter(
        ({ byDefault, name }) =>
          byDefault ||
          (name === 'quantiles' && parameters.quantiles !== null) ||
          (name === 'row_draws' && parameters.adaptive !== null),
      )
      .map((kind) => ({ name: kind.name, binary, at: 'outputs', kind }));
  }
  if (parameters.quantiles !== null && !outputs.some(({ name }) => name === 'quantiles')) {
    const next = 'name output quantiles, or leave the parameter out';
    throw badField('parameters.quantiles', 'output quantiles among those named', 'levels without it', next);
  }
  return outputs.map((output) => {
    const { name, at } = output;
    if (name === 'draws') return { ...output, kind: 'draws' as const };
    const kind = served.outputs.find((one) => one.name === name);
    if (kind !== undefined) return { ...output, kind };
    const known = [...served.outputs.map((one) => one.name), 'draws'];
    const near = nearest(name, known);
    const next = near === null ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
    throw badField(`${at}.name`, 'an output of the model', describeValue(name), next);
  });
}

export interface Computed {
  readonly outputs: readonly { readonly tensor: OutputTensor; readonly binary: boolean }[];
  /** The most of any row. */
  readonly draws: number;
  readonly queueMs: number;
  readonly computeMs: number;
}

/** Computes what was planned. @throws RequestProblem 503 or 504, or what the engine throws */
export async function compute(
  served: ServedModel,
  plan: Plan,
  caller: Caller,
  gate: Gate,
): Promise<Computed> {
  const { x, settings, wanted, deadlineMs } = plan;
  const divisible = settings.mode !== 'marginal' || served.rowsAreAlike;
  const since = performance.now();
  const { signal } = caller;
  const left = () => deadlineMs - (performance.now() - since);
  const times = { queueMs: 0, computeMs: 0 };
  const ask = async (rows: Matrix, draws: number): Promise<Prediction> => {
    const batch = { x: rows, settings: { ...settings, draws }, divisible, deadlineMs: left(), signal };
    const answered = await served.batcher.ask({ caller: caller.name, ...batch });
    times.queueMs += answered.queueMs;
    times.computeMs += answered.computeMs;
    return answered.prediction;
  };
  const prediction = !wanted.some(({ kind }) => kind !== 'draws')
    ? null
    : plan.adaptive === null
      ? await ask(x, settings.draws)
      : await untilTolerance(x, plan.adaptive, divisible, ask);
  const draws = wanted.some(({ kind }) => kind === 'draws')
    ? await gate.pass(left(), signal, (until) => allDraws(served, x, settings, until))
    : null;
  return {
    outputs: wanted.map(({ kind, binary }) => ({
      binary,
      tensor: kind === 'draws' ? (draws as OutputTensor) : takeOutput(kind, prediction!, settings.mode),
    })),
    draws: prediction?.draws ?? settings.draws,
    queueMs: times.queueMs,
    computeMs: prediction === null ? performance.now() - since : times.computeMs,
  };
}

/** The answer in the protocol's form; its parameters say what it was computed with. */
export function encode(served: ServedModel, request: InferRequest, plan: Plan, computed: Computed): Encoded {
  const { mode, seed, levels } = plan.settings;
  const { draws } = computed;
  return encodeAnswer({
    model: served.name,
    version: served.version,
    id: request.id,
    parameters: {
      draws,
      mode,
      ...(plan.adaptive === null ? {} : { tolerance: plan.adaptive.tolerance }),
      ...(seed === null ? {} : { seed }),
      ...(levels.length === 0 ? {} : { quantiles: levels.join(',') }),
    },
    outputs: computed.outputs,
  });
}
