// A config with fields set from outside of its file, by --set: each by its dotted path, checked as if the file said so.

import { dirname } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { readTextFile } from '../../files/fileProblems.ts';
import { LIMIT_BYTES, parseYaml } from '../../files/text/yamlText.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { configOf, parseConfig, type ResolvedConfig } from './config.ts';
import { type FieldValues, isMap, setField } from './setField.ts';

/** As readConfig, with fields in place of what the file says. @throws ConfigError */
export function readConfigWith(path: string, set: FieldValues): ResolvedConfig {
  return parseConfigWith(readTextFile(path, 'a config file', LIMIT_BYTES, ConfigError), path, set);
}

/** As parseConfig, with fields in place of what the text says. @throws ConfigError */
export function parseConfigWith(text: string, file: string, set: FieldValues): ResolvedConfig {
  const { value } = parseYaml(text, file);
  if (Object.keys(set).length === 0 || !isMap(value)) return parseConfig(text, file);
  return configWith(value, file, dirname(file), set).config;
}

/**
 * The config that `value` holds with some fields set: as the user would have written it, and with every default.
 * @throws ConfigError as configOf; what is wrong with a field that is set names --set
 */
export function configWith(
  value: unknown,
  where: string,
  directory: string,
  set: FieldValues,
): { value: unknown; config: ResolvedConfig } {
  if (Object.keys(set).length === 0 || !isMap(value))
    return { value, config: configOf(value, where, directory) };
  const alone = configAlone(value, where, directory);
  const changed = structuredClone(value);
  for (const [field, wanted] of Object.entries(set)) {
    const by = { list: '--set', where: `--set ${field}`, verb: 'set' } as const;
    setField(changed, alone ?? undefined, field, wanted, by);
  }
  return {
    value: changed,
    config: configOf(changed, alone === null ? where : `${where} with --set`, directory),
  };
}

/** Null where it is not whole: what is missing may be what is set, and what is wrong with it besides is found with that in place. */
function configAlone(value: unknown, where: string, directory: string): ResolvedConfig | null {
  try {
    return configOf(value, where, directory);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/**
 * `training.epochs=5` as a path and a value; the value is YAML.
 * @throws ConfigError
 */
export function parseSetting(text: string): [field: string, value: unknown] {
  const at = text.indexOf('=');
  const field = text.slice(0, Math.max(0, at)).trim();
  if (at < 0 || field === '') {
    const expected = 'a field of the config and its value, such as training.epochs=5';
    throw new ConfigError(mismatch('--set', expected, describeValue(text), 'write FIELD=VALUE'));
  }
  return [field, parseYaml(text.slice(at + 1), `--set ${field}`).value];
}
