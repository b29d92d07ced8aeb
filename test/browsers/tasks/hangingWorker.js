// @ts-check
// A worker of a pool that never answers: its first request keeps it in a loop for ever, as a kernel that does not return would.

const scope = /** @type {any} */ (globalThis);

scope.addEventListener(
  'message',
  (/** @type {MessageEvent} */ { data }) => {
    navigator.locks.request(data.lock, {}, () => {
      scope.postMessage({ kind: 'ready' });
      return new Promise(() => undefined);
    });
    scope.addEventListener('message', () => {
      for (;;);
    });
  },
  { once: true },
);
