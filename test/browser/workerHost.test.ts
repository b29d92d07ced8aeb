// The kernels of a page: fetched and compiled once for all of its runtimes, and tried again after a failure.

import { expect, test } from 'vitest';
import { BackendUnavailableError } from '../../src/errors.ts';
import { browserHost } from '../../src/platform/browser/workerHost.ts';

// (module): what compiles, whatever it is.
const EMPTY = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

test('kernels are read once, and again after a failure', async () => {
  let reads = 0;
  const wasm = browserHost(async (choose) => {
    expect(choose()).toMatch(/^varpool(-emulated)?\.wasm$/);
    if (++reads === 1) throw new BackendUnavailableError('kernels: expected them, got nothing — try again');
    return EMPTY;
  }).backends.named('wasm');
  await expect(wasm.compile()).rejects.toThrow('try again');
  const [one, other] = await Promise.all([wasm.compile(), wasm.compile()]);
  expect(one).toBe(other);
  expect(reads).toBe(2);
});

test('bytes that do not compile ask for the policy and the address, and no Node', async () => {
  const host = browserHost(async () => EMPTY.slice(1));
  await expect(host.backends.named('wasm').compile()).rejects.toThrow("allow 'wasm-unsafe-eval'");
  await expect(host.backends.named('wasm').compile()).rejects.not.toThrow(/npm|Node/);
  expect(host.noMemoryMessage(3 << 20)).toBe(
    'arena: expected 3 MiB of memory, got none — close other tabs or use fewer rows, draws or weights',
  );
});
