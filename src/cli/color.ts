// Color on the terminal: whether a stream gets any, and what is colored how. FORCE_COLOR and NO_COLOR decide before the terminal does.

import { styleText } from 'node:util';

/** What a text is, not how it looks. */
export type Role = 'error' | 'warning' | 'label' | 'heading' | 'best' | 'command';

const STYLES = {
  error: ['red', 'bold'],
  warning: ['yellow'],
  label: ['dim'],
  heading: ['bold'],
  best: ['green'],
  command: ['cyan'],
} as const satisfies Record<Role, Parameters<typeof styleText>[0]>;

/** The part of a stream that is asked. */
interface MaybeTerminal {
  readonly isTTY?: boolean;
}

/**
 * Whether text on `stream` may be colored: yes where FORCE_COLOR is set (to anything but 0 and false), no where NO_COLOR is set (to
 * anything, https://no-color.org) or the terminal is `dumb`, otherwise on terminals alone.
 */
export function isColored(stream: MaybeTerminal, env: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: terminal } = env;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (no !== undefined && no !== '') return false;
  return stream.isTTY === true && terminal !== 'dumb';
}

/** `text` as it is shown on `stream`. */
export function colored(role: Role, text: string, stream: MaybeTerminal): string {
  // Decided here: versions of Node differ in what styleText asks the stream and the environment.
  if (text === '' || !isColored(stream)) return text;
  return styleText([...STYLES[role]], text, { validateStream: false });
}
