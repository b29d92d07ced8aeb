// Where the layout of a text table can be set, and how a message says so: its advice must be one that its reader can take.

/** Fields of a config, flags of a command, or nothing but the file itself. */
export type Authority = 'config' | 'flags' | 'file';

/** `data.header`, or the flag of that name. */
export function fieldName(field: string, authority: Authority = 'config'): string {
  return authority === 'flags' ? `--${field}` : `data.${field}`;
}

/** `set data.header to skip`, `pass --header skip`, or null where the file has to change. */
export function setting(field: string, value: string, authority: Authority = 'config'): string | null {
  if (authority === 'file') return null;
  return `${authority === 'flags' ? 'pass' : 'set'} ${fieldName(field, authority)}${authority === 'flags' ? '' : ' to'} ${value}`;
}
