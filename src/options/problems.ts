// What zod finds wrong with a value, in one line: `<where>: <dotted path>: expected …, got … — <next step> (and N more problems)`.
// Shared by the checks of the library's options, the config and saved files; knows zod's issues, no field by name.

import type * as z from 'zod';
import { describeValue, dotted, oneLine } from '../messages.ts';

type Issue = z.core.$ZodIssue;

/**
 * One line for all that zod found wrong with `input`: the first problem in full, the others counted. Unknown keys come first, for a
 * mistyped name is also why a known one is missing.
 * @param written how a scalar at a path was written, where that differs from its value
 */
export function describeProblems(
  where: string,
  issues: readonly Issue[],
  input: unknown,
  written: (path: readonly PropertyKey[]) => string | undefined = () => undefined,
): string {
  const { first, total } = firstProblem(issues, input);
  let { path } = first;
  let got: string;
  if (first.code === 'unrecognized_keys') {
    path = [...path, first.keys[0]];
    got = describeValue(first.keys[0]);
  } else got = written(path) ?? describeValue(valueAt(input, path));
  const [expected, ...next] = first.message.split(' — ');
  const place = path.length === 0 ? where : `${where}: ${dotted(path)}`;
  const more = total === 1 ? '' : ` (and ${total - 1} more problem${total === 2 ? '' : 's'})`;
  return oneLine(`${place}: expected ${expected}, got ${got} — ${next.join(' — ') || nextStep(got)}${more}`);
}

/** Whether the first problem is a number out of range, where the kind of value was right. */
export function isOutOfRange(issues: readonly Issue[], input: unknown): boolean {
  const { first } = firstProblem(issues, input);
  if (first.code === 'unrecognized_keys' || first.code === 'custom') return false;
  if (first.code === 'invalid_type' && first.expected !== 'number' && first.expected !== 'int') return false;
  return typeof valueAt(input, first.path) === 'number';
}

function firstProblem(issues: readonly Issue[], input: unknown): { first: Issue; total: number } {
  const flat = issues.flatMap((issue) => innermost(issue, input));
  const unknown = flat.filter((issue) => issue.code === 'unrecognized_keys');
  const total = flat.length + unknown.reduce((sum, issue) => sum + issue.keys.length - 1, 0);
  return { first: unknown[0] ?? flat[0], total };
}

/** A union's problem is that of the one member the input looks like, where there is such a member. */
function innermost(issue: Issue, input: unknown): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const value = valueAt(input, issue.path);
  if (typeof value !== 'object' || value === null) return [issue];
  const descend = (member: readonly Issue[]) =>
    member.flatMap((inner) => innermost({ ...inner, path: [...issue.path, ...inner.path] }, input));
  for (const member of issue.errors) {
    const wrongType = member.some((inner) => inner.path.length === 0 && inner.code !== 'unrecognized_keys');
    const wrongKind = member.some((inner) => inner.path.length === 1 && inner.path[0] === 'kind');
    if (member.length > 0 && !wrongType && !wrongKind) return descend(member);
  }
  // Several maps told apart by `kind`: which kinds there are, is said of the kind.
  const kinds = issue.errors.find(
    ([inner]) => inner?.code === 'invalid_union' && inner.path.length === 1 && inner.path[0] === 'kind',
  );
  return kinds === undefined || Array.isArray(value) ? [issue] : descend(kinds);
}

function nextStep(got: string): string {
  if (got === 'nothing') return 'add it';
  if (got === 'null') return 'fill it in or remove the key';
  if (got === 'a promise') return 'await it first';
  return /^"-?\d+(\.\d+)?(e[+-]?\d+)?"$/i.test(got) ? 'write it without quotes' : 'change it';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
