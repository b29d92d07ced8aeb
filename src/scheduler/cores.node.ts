// How many cores this process may use.

import { availableParallelism } from 'node:os';

export function cores(): number {
  return availableParallelism();
}
