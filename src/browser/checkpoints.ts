// Checkpoints in a browser: one file for each training in the origin's own file system, or in IndexedDB where that cannot be written
// from a page. A page that is closed in mid-training finds the newest state when it is opened again.

import type { TrainingState } from '../core/training/trainingState.ts';
import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from '../experiment/checkpoint/checkpoint.ts';
import { describeValue } from '../messages.ts';
import {
  checkpointBytes,
  checkpointFrom,
  type FileHandle,
  readCheckpoint,
  writeCheckpoint,
} from './files.ts';

/** Where the state of one training is kept, under a name of the caller's. */
export interface CheckpointStore {
  /** Replaces what is kept, whole or not at all. To be passed as `checkpoint.save`. */
  readonly save: (state: TrainingState) => Promise<void>;
  /** What is kept, or null. @throws CheckpointError when it is damaged */
  load(): Promise<Checkpoint | null>;
  /** Forgets it; nothing happens where there is nothing. */
  clear(): Promise<void>;
}

interface Directory {
  getFileHandle(name: string, options: { readonly create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
}

const FOLDER = 'varpool-';

/**
 * A place for the state of a training that outlives the page.
 *
 *     const kept = checkpointStore('digits');
 *     const resume = (await kept.load())?.state;
 *     await runtime.train(model, data, { ...options, checkpoint: { everySeconds: 10, save: kept.save }, ...(resume && { resume }) });
 *     await kept.clear();
 */
export function checkpointStore(name: string): CheckpointStore {
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name)) {
    throw new TypeError(
      `checkpointStore: expected a name of letters, digits, dots, hyphens and underscores, got ${describeValue(name)} — rename it`,
    );
  }
  const file = `${FOLDER}${name}.safetensors`;
  let chosen: Promise<CheckpointStore> | null = null;
  const store = () => (chosen ??= choose(file));
  return {
    save: async (state) => (await store()).save(state),
    load: async () => (await store()).load(),
    clear: async () => (await store()).clear(),
  };
}

async function choose(file: string): Promise<CheckpointStore> {
  const storage = (globalThis as { navigator?: { storage?: { getDirectory?(): Promise<Directory> } } })
    .navigator?.storage;
  const directory = await storage?.getDirectory?.().catch(() => undefined);
  // Safari before 26 writes such files in workers only.
  const handles = (globalThis as { FileSystemFileHandle?: { prototype: object } }).FileSystemFileHandle;
  if (directory !== undefined && handles !== undefined && 'createWritable' in handles.prototype)
    return inDirectory(directory, file);
  return inDatabase(file);
}

function inDirectory(directory: Directory, file: string): CheckpointStore {
  const absent = (error: unknown) => {
    if ((error as Error).name === 'NotFoundError') return null;
    throw error;
  };
  return {
    async save(state) {
      await writeCheckpoint(await directory.getFileHandle(file, { create: true }), state);
    },
    async load() {
      const handle = await directory.getFileHandle(file, { create: false }).catch(absent);
      if (handle === null || (await handle.getFile()).size === 0) return null;
      return readCheckpoint(handle);
    },
    async clear() {
      await directory.removeEntry(file).catch(absent);
    },
  };
}

interface Settling<T> {
  readonly result: T;
  readonly error: Error | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface Database {
  createObjectStore(name: string): unknown;
  close(): void;
  transaction(
    store: string,
    mode: 'readonly' | 'readwrite',
  ): {
    objectStore(name: string): {
      get(key: string): Settling<Uint8Array | undefined>;
      put(value: Uint8Array, key: string): Settling<unknown>;
      delete(key: string): Settling<unknown>;
    };
    oncomplete: (() => void) | null;
    onabort: (() => void) | null;
    readonly error: Error | null;
  };
}
interface Databases {
  open(name: string, version: number): Settling<Database> & { onupgradeneeded: (() => void) | null };
}

const DATABASE = 'varpool';
const STORE = 'checkpoints';

function inDatabase(file: string): CheckpointStore {
  const { indexedDB } = globalThis as { indexedDB?: Databases };
  if (indexedDB === undefined) {
    throw new CheckpointError(
      `${file}: expected a place for files, got a page without OPFS and IndexedDB — pass a checkpoint.save of your own`,
    );
  }
  const opened = async <T>(use: (database: Database) => Promise<T>): Promise<T> => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
    const database = await settled(request, file);
    try {
      return await use(database);
    } finally {
      database.close();
    }
  };
  const change = (work: (store: ReturnType<ReturnType<Database['transaction']>['objectStore']>) => void) =>
    opened((database) => {
      const transaction = database.transaction(STORE, 'readwrite');
      work(transaction.objectStore(STORE));
      return new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(problem(file, transaction.error));
      });
    });
  return {
    save: (state) => change((store) => void store.put(checkpointBytes(state), file)),
    async load() {
      const bytes = await opened((database) =>
        settled(database.transaction(STORE, 'readonly').objectStore(STORE).get(file), file),
      );
      return bytes === undefined ? null : checkpointFrom(bytes, file);
    },
    clear: () => change((store) => void store.delete(file)),
  };
}

function settled<T>(request: Settling<T>, file: string): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(problem(file, request.error));
  });
}

function problem(file: string, cause: Error | null): CheckpointError {
  return new CheckpointError(
    `${file}: expected a database that can be used, got ${cause === null ? 'an error' : `${cause.name}: ${cause.message}`} — free some space or allow the page to store data`,
    { cause },
  );
}
