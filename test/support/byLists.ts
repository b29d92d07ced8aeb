// A backend whose every call goes through a list: recorded, put into the arena and executed there.

import { STACK_BYTES } from '../../src/backend/arena.ts';
import { type Backend, type BackendFactory, KERNELS, makeKernels } from '../../src/backend/backend.ts';
import { CallRecorder } from '../../src/backend/callList.ts';

/** The list stands at the far end of the stack of its thread, which no kernel comes near. */
export function byLists(factory: BackendFactory): BackendFactory {
  return {
    ...factory,
    name: `${factory.name}, by lists`,
    create(arena, compiled, thread) {
      const { runCalls } = factory.create(arena, compiled, thread) as Required<Backend>;
      const recorder = new CallRecorder();
      const list = 65_536 + thread * STACK_BYTES;
      const kernels = makeKernels((name) => (...args: number[]) => {
        recorder.clear();
        (recorder.kernels[name] as (...args: number[]) => unknown)(...args);
        const words = recorder.taken();
        arena.i32.set(words, list / 4);
        const flags = runCalls(list, list + 4 * words.length);
        return KERNELS[name].result === 'void' ? undefined : flags;
      });
      return { name: factory.name, ...kernels };
    },
  };
}
