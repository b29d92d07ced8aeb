// Checks the bits of compiled kernels against the reference's, in the thread that will use them. An engine may compile a warm kernel
// again, for speed; the standard of relaxed SIMD asks it to fuse as before, and this finds out whether it does.

import { BackendUnavailableError } from '../errors.ts';
import { Arena, ArenaLayout } from './arena.ts';
import { type Backend, type BackendFactory, GemmStart, LANES } from './backend.ts';
import { referenceFactory } from './reference/reference.ts';

const M = 16;
const K = 48;
const PANELS = 2;
const ROWS = 16;

export class KernelProof {
  readonly #arena: Arena;
  readonly #kernels: Backend;
  readonly #places: Readonly<Record<'a' | 'b' | 'mu' | 'rho' | 'out', number>>;
  readonly #expected: Uint8Array;
  #asked = 0;

  /** @param compiled the result of the factory's `compile` */
  constructor(factory: BackendFactory, compiled: unknown) {
    const layout = new ArenaLayout(1);
    const floats = (name: string, count: number) => layout.reserve(name, 4 * count);
    this.#places = {
      a: floats('a', M * K),
      b: floats('b', K * PANELS * LANES),
      mu: floats('mu', ROWS * LANES),
      rho: floats('rho', ROWS * LANES),
      out: floats('out', OUT),
    };
    this.#arena = Arena.allocate(layout);
    this.#kernels = factory.create(this.#arena, compiled, 0);
    const { a, out } = this.#places;
    // Whatever they are, most of their products need more digits than a float32 has.
    const inputs = this.#arena.floats(a, (out - a) / 4);
    for (let i = 0; i < inputs.length; i++) inputs[i] = (Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
    this.#expected = this.#run(referenceFactory.create(this.#arena, null, 0));
  }

  /**
   * Call it before each use of the kernels: at the 1st, 2nd, 3rd, 5th, 9th … it checks them against the reference.
   * @throws BackendUnavailableError when a bit differs
   */
  ask(): void {
    const n = this.#asked++;
    if ((n & (n - 1)) === 0) this.check();
  }

  /** @throws BackendUnavailableError when a bit differs */
  check(): void {
    const found = this.#run(this.#kernels);
    const at = found.findIndex((byte, i) => byte !== this.#expected[i]);
    if (at < 0) return;
    throw new BackendUnavailableError(
      `${this.#kernels.name}: expected the bits of the reference, got others in float ${at >>> 2} of a trial — report this with the engine and CPU, and use the backend reference`,
    );
  }

  /** A product of matrices and drawn weights, as bytes of their own. */
  #run(kernels: Backend): Uint8Array {
    const { a, b, mu, rho, out } = this.#places;
    const w = out + 4 * M * PANELS * LANES;
    kernels.gemm_f32(out, M, a, M, 0, b, K, M, PANELS, K, GemmStart.zero, 0);
    kernels.perturb_f32(w, w + 4 * ROWS * LANES, mu, rho, ROWS, LANES, 1, 2, 3, 4, 5, 0);
    return this.#arena.u8.slice(out, out + 4 * OUT);
  }
}

/** Floats of the product, the weights and their noise. */
const OUT = M * PANELS * LANES + 2 * ROWS * LANES;
