// Workers of a browser played by message ports in this thread, for what needs no browser to be proved.

import { MessageChannel } from 'node:worker_threads';
import type { WebEvent, WebWorker, WorkerScope } from '../../src/platform/browser/web.ts';

type Listener = (event: WebEvent) => void;

/** A worker whose program is a function of its scope and the first message. */
export class FakeWorker implements WebWorker {
  readonly #channel = new MessageChannel();
  readonly #errors = new Set<Listener>();
  terminated = false;

  constructor(program: (scope: WorkerScope, role: unknown) => void) {
    const { port2 } = this.#channel;
    const scope = port2 as unknown as WorkerScope;
    const begin = ({ data }: WebEvent) => {
      scope.removeEventListener('message', begin);
      program(scope, data);
    };
    scope.addEventListener('message', begin);
    port2.start();
    this.#channel.port1.start();
  }

  postMessage(message: unknown, transfer?: unknown[]): void {
    this.#channel.port1.postMessage(message, transfer as never);
  }

  addEventListener(type: string, listener: Listener): void {
    if (type === 'error') this.#errors.add(listener);
    else (this.#channel.port1 as unknown as WebWorker).addEventListener(type, listener);
  }

  removeEventListener(type: string, listener: Listener): void {
    (this.#channel.port1 as unknown as WebWorker).removeEventListener(type, listener);
  }

  terminate(): void {
    this.terminated = true;
    this.#channel.port1.close();
  }

  /** Fires the error event of a worker that dies. */
  die(message: string): void {
    for (const listener of this.#errors) listener({ data: null, message, preventDefault: () => undefined });
  }
}
