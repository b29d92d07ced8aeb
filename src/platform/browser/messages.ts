// Messages between a page and its workers, before and around the requests of workers/protocol.ts.

import type { Reply, Request } from '../../workers/protocol.ts';

/** The first message to a worker. */
export interface Role {
  readonly role: 'pool' | 'session' | 'runtime';
  /** A lock that the worker holds as long as it runs: its release shows that the worker is gone. */
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
  /** The kernels have other bits here than elsewhere: no worker of this browser can be used. */
  | { readonly kind: 'unfit'; readonly message: string };
