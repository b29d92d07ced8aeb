// What the makers of a file's bytes ask of the host, on Node.

import type { FileHost } from '../files/fileHost.ts';
import { sha256 } from '../files/sha256.ts';
import { varpoolVersion } from './provenance.ts';

export const nodeFileHost: FileHost = {
  sha256,
  version: varpoolVersion,
  warn: (message) => process.emitWarning(message, 'VarpoolWarning'),
};
