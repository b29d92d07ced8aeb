// The FileHost of Node: its fast hash, and its process warnings.

import type { FileHost } from '../files/fileHost.ts';
import { sha256 } from '../files/tensors/sha256.ts';
import { varpoolVersion } from './provenance.ts';

export const nodeFileHost: FileHost = {
  sha256,
  version: varpoolVersion,
  warn: (message) => process.emitWarning(message, 'VarpoolWarning'),
};
