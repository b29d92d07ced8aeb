// What encoding and decoding files needs from the host: a fast hash, the version to record, a place for warnings.

export interface FileHost {
  /** SHA-256, in hex, of chunks one after the other. */
  sha256(chunks: Iterable<Uint8Array>): string;
  /** Version of varpool. */
  version(): string;
  readonly warn: (message: string) => void;
}
