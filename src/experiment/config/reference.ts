// The reference of the config, written from its schema: each field with what it takes, its default and what it is for.

/** What is read of a JSON Schema. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** Markdown: a section for every map of the config, and one for every kind of it. */
export function configReference(schema: object): string {
  const { properties = {}, description = '' } = schema as Schema;
  const lines = ['# The config, field by field', '', ...(description === '' ? [] : [description, ''])];
  const { fields, sections } = parts(properties);
  lines.push(...table(fields, (schema as Schema).required ?? []));
  for (const [name, section] of sections) lines.push(...sectionOf(name, section, 2));
  return `${lines.join('\n').trimEnd()}\n`;
}

/** Fields that stand in a table, and those that are maps of their own besides. */
function parts(properties: Readonly<Record<string, Schema>>) {
  const fields = Object.entries(properties).filter(([name]) => name !== '$schema' && name !== 'kind');
  return { fields, sections: fields.filter(([, field]) => mapsOf(field).length > 0) };
}

/** The maps that a field takes, one for each kind. */
function mapsOf(field: Schema): readonly Schema[] {
  if (field.properties !== undefined) return [field];
  const inside = [...(field.anyOf ?? []), ...(field.oneOf ?? [])];
  const { additionalProperties: each } = field;
  const parts = [
    ...inside,
    ...(typeof each === 'object' ? [each] : []),
    ...(field.items ? [field.items] : []),
  ];
  return parts.flatMap(mapsOf);
}

function sectionOf(path: string, field: Schema, level: number): string[] {
  const heading = '#'.repeat(Math.min(level, 4));
  const lines = [
    '',
    `${heading} ${path}`,
    '',
    ...(field.description === undefined ? [] : [field.description, '']),
  ];
  for (const map of mapsOf(field)) {
    const kind = map.properties?.kind?.const;
    if (kind !== undefined) lines.push('', `**\`kind: ${kind}\`**`, '');
    const { fields, sections } = parts(map.properties ?? {});
    lines.push(...(fields.length === 0 ? ['No options.'] : table(fields, map.required ?? [])));
    const inner = kind === undefined ? path : `${path} (${kind})`;
    for (const [name, section] of sections) lines.push(...sectionOf(`${inner}.${name}`, section, level + 1));
  }
  return lines;
}

function table(fields: readonly (readonly [string, Schema])[], required: readonly string[]): string[] {
  return [
    '| field | takes | default | |',
    '|---|---|---|---|',
    ...fields.map(([name, field]) => {
      const standard = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
      const needed = required.includes(name) && field.default === undefined ? 'must be given' : standard;
      return `| \`${name}\` | ${cell(takes(field))} | ${cell(needed)} | ${cell(field.description ?? '')} |`;
    }),
  ];
}

/** What a field takes, in a few words. */
function takes(field: Schema): string {
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(', ');
  const choices = [...(field.anyOf ?? []), ...(field.oneOf ?? [])];
  const kinds = mapsOf({ anyOf: choices }).flatMap((map) => map.properties?.kind?.const ?? []);
  if (kinds.length > 1) return `a kind: ${kinds.map((kind) => `\`${kind}\``).join(', ')}`;
  if (choices.length > 0) return [...new Set(choices.map(takes))].join(' or ');
  if (field.properties?.kind?.const !== undefined) return `a map of kind \`${field.properties.kind.const}\``;
  if (field.type === 'array') return `a list of ${field.items === undefined ? 'values' : takes(field.items)}`;
  return WORDS[String(field.type)] ?? 'any';
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: '`true` or `false`',
  object: 'a map',
};

/** Text for a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
