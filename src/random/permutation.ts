// Orders of rows: of an epoch, of a hold-out. Sequential inside, but each is reached by its name alone.

import seedrandom from 'seedrandom';
import { type Seed, seedText } from './seed.ts';

/**
 * Fisher–Yates by seedrandom's Alea, whose doubles are exact integer arithmetic: a millisecond for 60000
 * rows.
 */
function shuffle(order: Int32Array, name: string): Int32Array {
  const uniform = seedrandom.alea(name);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/** Fills `out` with the order in which epoch `epoch` (0, 1, …) visits rows 0 … out.length − 1. */
export function epochOrder(out: Int32Array, seed: Seed, epoch: number): Int32Array {
  return shuffle(out, `${seedText(seed)}/epoch/${epoch}`);
}

/** A shuffled 0 … count − 1 that belongs to a label, as for rows held out. */
export function shuffled(count: number, seed: Seed, label: string): Int32Array {
  return shuffle(new Int32Array(count), `${seedText(seed)}/${label}`);
}
