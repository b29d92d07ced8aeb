// The runtime in the one worker of a page that cannot share memory: it computes in its own thread, with arguments that the
// page has checked.

import { Backends } from '../backend/registry.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { lonePlatform } from '../platform/browser/lonePlatform.ts';
import type { WorkerScope } from '../platform/browser/web.ts';
import { browserWorkerHost } from '../platform/browser/workerHost.ts';
import type { Platform } from '../platform/platform.ts';
import { Engine } from '../runtime/engine.ts';
import type { FitSettings } from '../runtime/readArguments.ts';
import type { PredictSettings } from '../runtime/settings.ts';
import type { CheckpointOptions } from '../scheduler/training/checkpointer.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import { revived, type SentError, sendable, type ToPage, type ToWorker } from './messages.ts';

export interface RuntimeSetup {
  readonly backend: string;
  readonly compiled: unknown;
}

export interface FitCall {
  readonly prepared: PreparedTraining;
  readonly settings: Omit<FitSettings, 'signal' | 'onProgress' | 'onReport' | 'checkpoint'>;
  readonly progress: boolean;
  readonly checkpoint: Omit<CheckpointOptions, 'save'> | null;
}

export interface PredictCall {
  readonly posterior: AnyPosterior;
  readonly x: Matrix;
  readonly y?: Matrix;
  readonly settings: Omit<PredictSettings, 'signal' | 'onProgress'>;
  readonly progress: boolean;
}

/** A call in progress, as its callbacks see it. */
interface Line {
  readonly signal: AbortSignal;
  tell(name: string, value: unknown): void;
  /** Resolves when the page has answered. @throws what the page's listener threw */
  ask(name: string, value: unknown): Promise<void>;
}

class LoneEngine extends Engine {
  readonly methods: Readonly<Record<string, (argument: never, line: Line) => Promise<unknown>>> = {
    fit: ({ prepared, settings, progress, checkpoint }: FitCall, { signal, tell, ask }) => {
      const options: FitSettings = {
        ...settings,
        signal,
        ...(progress ? { onProgress: (value) => tell('progress', value) } : {}),
        ...(checkpoint === null
          ? {}
          : { checkpoint: { ...checkpoint, save: (state) => ask('save', state) } }),
      };
      return this.job((host) =>
        this.fit({ ...host, warn: (message) => tell('warn', message) }, prepared, options, (report) =>
          tell('report', report),
        ),
      );
    },
    predict: (call: PredictCall, line) => this.predictRead(call.posterior, call.x, heard(call, line)),
    evaluate: (call: PredictCall, line) =>
      this.evaluateRead(call.posterior, call.x, call.y as Matrix, heard(call, line)),
    draws: async (call: PredictCall, line) => {
      for await (const draw of this.drawsRead(call.posterior, call.x, heard(call, line)))
        await line.ask('draw', draw);
    },
  };
}

function heard({ settings, progress }: PredictCall, { signal, tell }: Line): PredictSettings {
  const onProgress = progress
    ? { onProgress: (value: { done: number; total: number }) => tell('progress', value) }
    : {};
  return { ...settings, signal, ...onProgress };
}

/** Answers the page's calls until the worker is terminated. */
export function answerRuntimeCalls(scope: WorkerScope, { backend, compiled }: RuntimeSetup): void {
  const say = (message: ToPage) => scope.postMessage(message);
  const platform = compiledPlatform(backend, compiled);
  const onWarning = (message: string) => say({ kind: 'warning', message });
  const engine = new LoneEngine(platform, { backend, workers: 1, onWarning });
  const aborts = new Map<number, AbortController>();
  /** The one question of each call that waits for its answer. */
  const questions = new Map<number, (error: SentError | null) => void>();

  const answer = async (id: number, method: string, argument: unknown) => {
    const abort = new AbortController();
    aborts.set(id, abort);
    const line: Line = {
      signal: abort.signal,
      tell: (name, value) => say({ kind: 'event', id, name, value, asks: false }),
      ask: (name, value) =>
        new Promise((resolve, reject) => {
          questions.set(id, (error) => (error === null ? resolve() : reject(revived(error))));
          say({ kind: 'event', id, name, value, asks: true });
        }),
    };
    try {
      say({ kind: 'result', id, value: await engine.methods[method](argument as never, line) });
    } catch (error) {
      say({ kind: 'error', id, error: sendable(error) });
    } finally {
      aborts.delete(id);
      questions.delete(id);
    }
  };

  scope.addEventListener('message', ({ data }) => {
    const message = data as ToWorker;
    if (message.kind === 'call') void answer(message.id, message.method, message.argument);
    else if (message.kind === 'abort') aborts.get(message.id)?.abort();
    else if (message.kind === 'answer') questions.get(message.id)?.(message.error);
    else void engine.close().then(() => say({ kind: 'closed' }));
  });
}

/** One thread, and the kernels that the page has compiled. */
function compiledPlatform(backend: string, compiled: unknown): Platform {
  const { backends } = browserWorkerHost;
  const factories = backends.factories.map((factory) =>
    factory.name === backend ? { ...factory, compile: async () => compiled } : factory,
  );
  const host = { ...browserWorkerHost, backends: new Backends(factories, backends.advice) };
  return lonePlatform(host, {
    warn: () => {
      throw new Error('runtime: expected warnings to go to the page, got one here — report this as a bug');
    },
    startSession: () => {
      throw new Error('session: expected a page to open it, got a worker — report this as a bug');
    },
  });
}
