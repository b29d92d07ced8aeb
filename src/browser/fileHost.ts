// The FileHost of a browser. crypto.subtle would make every digest a promise.

import { sha256 } from '@noble/hashes/sha2.js';
import type { FileHost } from '../files/fileHost.ts';
import { VERSION } from '../version.ts';

export const browserFileHost: FileHost = {
  sha256(chunks) {
    const hash = sha256.create();
    for (const chunk of chunks) hash.update(chunk);
    return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  },
  version: () => VERSION,
  warn: (message) => console.warn(message),
};
