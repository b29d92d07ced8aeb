// The public API on Node: the portable names, and those that need its threads and its disk.

export { load, posteriorDigest, readCheckpoint, save, writeCheckpoint } from './experiment/publicFiles.ts';
export {
  type DataTable,
  readRows,
  readTable,
  type SplitOptions,
  split,
  type TableOptions,
  type TablePart,
  type TableParts,
  type TextOptions,
} from './experiment/publicTables.ts';
export {
  createRuntime,
  openSession,
  type RuntimeOptions,
  type SessionOptions,
} from './node.ts';
export * from './portable.ts';
