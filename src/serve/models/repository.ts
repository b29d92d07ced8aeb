// The models of a server by name and version: which are ready, and how they are loaded, replaced by what changed on disk, and unloaded. A
// version that is replaced or unloaded still answers the requests that hold it.

import { describeValue, mismatch, nearest } from '../../messages.ts';
import { busy, RequestProblem } from '../problem.ts';
import type { ServedModel } from './served.ts';
import type { LoadedModel, ModelSource, VersionSource } from './source.ts';

/** Makes a version answer. */
export type Serve = (name: string, version: string, loaded: LoadedModel) => Promise<ServedModel>;

interface Version {
  served: ServedModel | null;
  /** Of what was read last, whether or not it could be served. */
  fingerprint: string | null;
  /** Why it is not served, or why what is on disk is not. */
  reason: string;
}

interface Model {
  readonly source: ModelSource;
  readonly versions: Map<string, Version>;
  /** Unloaded on request: it stays so until it is loaded on request. */
  wanted: boolean;
}

const RETRY_SECONDS = 1;

export class Repository {
  readonly #models = new Map<string, Model>();
  readonly #closing = new Set<Promise<void>>();
  /** Changes happen one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    sources: readonly ModelSource[],
    readonly serve: Serve,
    readonly onWarning: (message: string) => void,
  ) {
    for (const source of sources) {
      if (this.#models.has(source.name)) {
        const next = 'name one of them: NAME=DIRECTORY';
        throw new TypeError(
          mismatch('serve', 'models of different names', `two called ${source.name}`, next),
        );
      }
      this.#models.set(source.name, { source, versions: new Map(), wanted: true });
    }
  }

  /** Loads all. @throws what the first that cannot be loaded throws */
  open(): Promise<void> {
    return this.#change(async () => {
      for (const model of this.#models.values()) await this.#refresh(model, 'throw');
    });
  }

  get names(): string[] {
    return [...this.#models.keys()];
  }

  /** Whether all models that are wanted answer. */
  get ready(): boolean {
    return [...this.#models.values()].every(
      ({ wanted, versions }) =>
        !wanted ||
        (versions.size > 0 && [...versions.values()].every(({ served }) => served?.ready === true)),
    );
  }

  /** The version asked for, or the newest. @throws RequestProblem 404 for one there is not, 503 for one that does not answer */
  get(name: string, version?: string): ServedModel {
    const model = this.#models.get(name);
    if (model === undefined) {
      const near = nearest(name, this.names);
      const next = near === null ? 'GET /v2/models lists them' : `did you mean ${near}?`;
      throw new RequestProblem(404, mismatch('model', 'a model of this server', describeValue(name), next));
    }
    const newest = [...model.versions].filter(([, { served }]) => served !== null).at(-1)?.[0];
    const found = model.versions.get(version ?? newest ?? '');
    if (found?.served) return found.served;
    if (version !== undefined && found === undefined && newest !== undefined) {
      const known = [...model.versions.keys()].join(', ');
      throw new RequestProblem(
        404,
        mismatch('version', `one of ${known}`, describeValue(version), 'leave it out for the newest'),
      );
    }
    const why = model.wanted ? (found?.reason ?? 'nothing there') : 'unloaded';
    throw busy(
      mismatch(`model ${name}`, 'a model that is ready', why, 'load it through /v2/repository'),
      RETRY_SECONDS,
    );
  }

  /** Versions of a model that answer. */
  versions(name: string): string[] {
    return [...(this.#models.get(name)?.versions ?? [])]
      .filter(([, { served }]) => served !== null)
      .map(([version]) => version);
  }

  /** All that answer. */
  served(): ServedModel[] {
    return [...this.#models.values()].flatMap(({ versions }) =>
      [...versions.values()].flatMap(({ served }) => served ?? []),
    );
  }

  /** The index of the repository extension. */
  index(readyOnly: boolean): object[] {
    return [...this.#models].flatMap(([name, { versions, wanted }]) => {
      const entries = [...versions].map(([version, { served, reason }]) => ({
        name,
        version,
        state: served === null ? 'UNAVAILABLE' : 'READY',
        reason: wanted ? reason : 'unloaded',
      }));
      return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
    });
  }

  /** Reads a model again. @throws RequestProblem 404 for one there is not, 400 when it cannot be served; an old version of it stays in service */
  load(name: string): Promise<void> {
    return this.#change(async () => {
      const model = this.#known(name);
      model.wanted = true;
      try {
        await this.#refresh(model, 'throw');
      } catch (error) {
        throw new RequestProblem(400, `load ${name}: ${(error as Error).message}`);
      }
    });
  }

  unload(name: string): Promise<void> {
    return this.#change(async () => {
      const model = this.#known(name);
      model.wanted = false;
      for (const version of model.versions.values()) {
        this.#retire(version);
        version.fingerprint = null;
      }
    });
  }

  /** Loads what has changed on disk; a version that cannot be read leaves the old one in service. */
  poll(): Promise<void> {
    return this.#change(async () => {
      for (const model of this.#models.values()) if (model.wanted) await this.#refresh(model, 'warn');
    });
  }

  /** Closes all versions once the requests that hold them are answered. */
  async close(): Promise<void> {
    await this.#change(async () => {
      for (const { versions } of this.#models.values())
        for (const version of versions.values()) this.#retire(version);
    });
    await Promise.all(this.#closing);
  }

  #known(name: string): Model {
    const model = this.#models.get(name);
    if (model !== undefined) return model;
    const next = 'a server serves the directories it was started with';
    throw new RequestProblem(404, mismatch('model', 'a model of this server', describeValue(name), next));
  }

  async #refresh(model: Model, problems: 'throw' | 'warn'): Promise<void> {
    const { source, versions } = model;
    try {
      const found = source.versions();
      for (const from of found) await this.#refreshVersion(model, from, problems);
      for (const [version, old] of versions) {
        if (found.some((from) => from.version === version)) continue;
        this.#retire(old);
        versions.delete(version);
      }
    } catch (error) {
      if (problems === 'throw') throw error;
      this.onWarning(`model ${source.name}: ${(error as Error).message}`);
    }
  }

  async #refreshVersion(model: Model, from: VersionSource, problems: 'throw' | 'warn'): Promise<void> {
    const { name } = model.source;
    const fingerprint = from.fingerprint();
    const version: Version = model.versions.get(from.version) ?? {
      served: null,
      fingerprint: null,
      reason: '',
    };
    const isNew = !model.versions.has(from.version);
    const changed = isNew || fingerprint !== version.fingerprint;
    if (!changed && (version.served !== null || problems === 'warn')) return;
    version.fingerprint = fingerprint;
    if (isNew) {
      model.versions.set(from.version, version);
      sortByNumber(model.versions);
    }
    try {
      const served = await this.serve(name, from.version, from.load(this.onWarning));
      this.#retire(version);
      version.served = served;
      version.reason = '';
      if (!isNew) this.onWarning(`model ${name}, version ${from.version}: loaded anew`);
    } catch (error) {
      version.reason = (error as Error).message;
      if (problems === 'throw') throw error;
      const kept = version.served === null ? '' : '; the version loaded before stays in service';
      this.onWarning(`model ${name}, version ${from.version}: ${version.reason}${kept}`);
    }
  }

  /** Takes a version out of service; it is closed once the last request that holds it is answered. */
  #retire(version: Version): void {
    const { served } = version;
    version.served = null;
    if (served === null) return;
    const closed = served.close().catch((error: Error) => this.onWarning(error.message));
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(work);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

function sortByNumber(versions: Map<string, Version>): void {
  const sorted = [...versions].sort(([a], [b]) => Number(a) - Number(b));
  versions.clear();
  for (const [version, entry] of sorted) versions.set(version, entry);
}
