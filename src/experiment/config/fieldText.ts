// Fields of a config in a table or a message: the shortest names that tell them apart, and their values.

/** The last parts of dotted paths that tell them apart; `kind` alone does not say of what. */
export function shortNames(fields: readonly string[]): Map<string, string> {
  const short = new Map<string, string>();
  for (const field of fields) {
    const parts = field.split('.');
    let n = 1;
    const tail = () => parts.slice(-n).join('.');
    const isShared = () => fields.some((other) => other !== field && `.${other}`.endsWith(`.${tail()}`));
    while (n < parts.length && (tail() === 'kind' || isShared())) n++;
    short.set(field, tail());
  }
  return short;
}

/** A value of a field in a cell of a table. */
export function valueText(value: unknown): string {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
