// The parts of the web's API that are used here. Its own types come only with the DOM library's, under which code for Node could use
// a document and would compile.

/** A Worker, as its owner sees it. */
export interface WebWorker {
  postMessage(message: unknown, transfer?: unknown[]): void;
  addEventListener(type: string, listener: (event: WebEvent) => void): void;
  removeEventListener(type: string, listener: (event: WebEvent) => void): void;
  terminate(): void;
}

/** A message from the other side, or the description of an error there. */
export interface WebEvent {
  readonly data: unknown;
  readonly message?: string;
  preventDefault(): void;
}

/** The far end: what a worker sees as its own global. */
export type WorkerScope = Pick<WebWorker, 'postMessage' | 'addEventListener' | 'removeEventListener'>;

export interface LockManager {
  request<T>(
    name: string,
    options: { readonly signal?: AbortSignal },
    granted: () => T | Promise<T>,
  ): Promise<T>;
}

interface Web {
  readonly crossOriginIsolated?: boolean;
  readonly location?: { readonly href: string };
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    /** GiB, rounded and at most 8; not in every browser. */
    readonly deviceMemory?: number;
    readonly locks?: LockManager;
  };
}

/** This page or worker. */
export const web: Web = globalThis as Web;
