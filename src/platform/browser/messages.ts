// What a page and its workers say to each other before and around the requests of workers/protocol.ts.

import type { Reply, Request } from '../../workers/protocol.ts';

/** The first message to a worker: what it is to be. */
export interface Role {
  readonly role: 'pool' | 'session' | 'runtime';
  /** A lock that the worker holds as long as it runs: how others learn that it is gone. */
  readonly lock?: string;
}

/** To a worker of the pool, one at a time. */
export interface PoolTask {
  readonly request: Request;
}

export type PoolMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'error'; readonly message: string }
  /** The kernels have other bits here than elsewhere: no worker of this browser can do it. */
  | { readonly kind: 'unfit'; readonly message: string };
