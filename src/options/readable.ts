// Reading what a caller hands over, where reading may itself fail: a getter may throw, a proxy may be gone.

import { describeValue, oneLine } from '../messages.ts';

const SAID = /^[^\n]*expected .+, got .+ — .+$/;

/**
 * What `read` makes of a caller's arguments. An error of theirs (a getter that throws, a proxy that is gone) becomes one line too.
 * @throws what `read` throws in words, else TypeError with the error as its cause
 */
export function readable<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof Error && SAID.test(cause.message)) throw cause;
    const got = cause instanceof Error ? `${cause.name}: ${cause.message}` : describeValue(cause);
    const shown = oneLine(got.length > 120 ? `${got.slice(0, 120)}…` : got);
    throw new TypeError(
      `${where}: expected arguments that can be read, got an error from one of them (${shown}) — pass plain values`,
      { cause },
    );
  }
}

/**
 * Reads a caller's arguments now, as they are at the call; what is returned gives the result, or throws what reading threw, when the
 * call is awaited.
 */
export function readNow<T>(where: string, read: () => T): () => T {
  try {
    const result = readable(where, read);
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
