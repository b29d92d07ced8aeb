// What all endpoints of a server share: its models, its settings, its metrics, and how many requests are under way. Knows no HTTP.

import { varpoolVersion } from '../experiment/provenance.ts';
import type { Runtime } from '../index.ts';
import { SessionEngine } from './batching/engine.ts';
import { Gate } from './batching/gate.ts';
import { Repository } from './models/repository.ts';
import { ServedModel } from './models/served.ts';
import { directorySource, type LoadedModel, posteriorSource } from './models/source.ts';
import { ServerMetrics } from './observe/metrics.ts';
import type { ServerSettings } from './options.ts';

/** Requests for output `draws` that may wait: their answers are large. */
const DRAWS_WAITING = 64;

/** What the routes see of a server. */
export class ServerCore {
  readonly metrics = new ServerMetrics();
  readonly gate = new Gate(DRAWS_WAITING);
  readonly version = varpoolVersion();
  readonly repository: Repository;
  draining = false;
  /** Inference requests under way. */
  #underWay = 0;
  #idle: (() => void) | null = null;

  constructor(
    readonly settings: ServerSettings,
    readonly runtime: Runtime,
    readonly warn: (message: string) => void,
  ) {
    const sources = settings.models.map((model, m) =>
      typeof model === 'string'
        ? directorySource(model)
        : posteriorSource(model, `createServer: models[${m}]`),
    );
    this.repository = new Repository(sources, (...model) => this.#serve(...model), warn);
    const perModel = (read: (served: ServedModel) => number) => () =>
      this.repository.served().map((served) => [labels(served), read(served)] as const);
    this.metrics.gauge(
      'varpool_queue_rows',
      'Rows that wait or are computed.',
      perModel(({ batcher }) => batcher.rows),
    );
    this.metrics.gauge(
      'varpool_ready',
      'Whether a version answers.',
      perModel(({ ready }) => Number(ready)),
    );
    this.metrics.gauge('varpool_requests_under_way', 'Inference requests under way.', () => [
      [{}, this.#underWay],
    ]);
  }

  get ready(): boolean {
    return !this.draining && this.repository.ready;
  }

  enter(): boolean {
    if (this.#underWay >= this.settings.limits.concurrency) return false;
    this.#underWay++;
    return true;
  }

  leave(): void {
    if (--this.#underWay === 0) this.#idle?.();
  }

  /** Settles when no request is under way, or after `ms`. */
  async whenIdle(ms: number): Promise<void> {
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Counts an answer. */
  answered(served: ServedModel, rows: number, ms: number, status: number): void {
    const of = labels(served);
    this.metrics.requests.add({ ...of, code: String(status) });
    this.metrics.rows.add(of, rows);
    this.metrics.seconds.observe(of, ms / 1000);
  }

  async #serve(name: string, version: string, loaded: LoadedModel): Promise<ServedModel> {
    const { threads, backend, cacheBytes, batching, limits } = this.settings;
    const onWarning = (message: string) => this.warn(`model ${name}: ${message}`);
    const capacity = batching.rows;
    const options = { threads, backend, cacheBytes, capacity, onWarning };
    const engine = await SessionEngine.open(loaded.posterior, this.runtime, options);
    const { delayMs = 0, ...budget } = batching;
    const queue = { ...budget, delayMs, queueRows: limits.queueRows };
    return new ServedModel(name, version, loaded, engine, queue, (served, rows, requests, draws) => {
      const of = labels(served);
      this.metrics.draws.add(of, rows * draws);
      this.metrics.batchRows.observe(of, rows);
      this.metrics.batchRequests.observe(of, requests);
    });
  }
}

function labels({ name, version }: ServedModel): { model: string; version: string } {
  return { model: name, version };
}
