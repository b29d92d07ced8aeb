// The definition of right: every kernel as plain loops over the arena, bit for bit what the compiled ones
// give, and slow.

import type { Arena } from '../arena.ts';
import type { Backend, BackendFactory } from '../backend.ts';
import { gaussianKernels } from './referenceGaussian.ts';
import { linearKernels } from './referenceLinear.ts';
import { outputKernels } from './referenceOutputs.ts';
import { priorKernels } from './referencePriors.ts';

export const referenceFactory: BackendFactory = {
  name: 'reference',
  reproducible: true,
  available: () => ({ ok: true }),
  compile: () => Promise.resolve(null),
  create: (arena: Arena): Backend => ({
    name: 'reference',
    ...linearKernels(arena),
    ...gaussianKernels(arena),
    ...priorKernels(arena),
    ...outputKernels(arena),
  }),
};
