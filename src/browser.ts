// The public API in a browser: the portable names, with a browser's own way to start workers and to keep files.

import './browser/strictPolicy.ts';

export { type CheckpointStore, checkpointStore } from './browser/checkpoints.ts';
export {
  type FileHandle,
  type FileSource,
  load,
  posteriorBytes,
  posteriorDigest,
  readCheckpoint,
  save,
  writeCheckpoint,
} from './browser/files.ts';
export type { PartUrls } from './browser/parts.ts';
export {
  type BrowserRuntimeOptions as RuntimeOptions,
  type BrowserSessionOptions as SessionOptions,
  createRuntime,
  openSession,
} from './browser/runtime.ts';
export * from './portable.ts';
