// The programs that README and the page on tables show whole are right in strict TypeScript, as JavaScript with types checked: against the types
// of the build, with the library's own types checked too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// In the package, so that its own name leads to the build.
mkdirSync(join(ROOT, 'dist'), { recursive: true });
const dir = mkdtempSync(join(ROOT, 'dist/snippets-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function programs(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, program]) => program);
}

/** What the compiler says of programs, each a file of its own. */
function problemsOf(sources: readonly string[]): string {
  const files = sources.map((source, n) => {
    writeFileSync(join(dir, `program${n}.mjs`), source);
    return `program${n}.mjs`;
  });
  const compilerOptions = {
    target: 'es2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    module: 'nodenext',
    allowJs: true,
    checkJs: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', dir], {
      encoding: 'utf8',
    });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error);
  }
}

test('programs of README and docs/tables.md have no error', () => {
  const sources = [...programs('README.md'), ...programs('docs/tables.md')];
  expect(sources.length).toBeGreaterThan(2);
  expect(problemsOf(sources)).toBe('');
});

test('and a wrong option would be one', () => {
  const [quickStart] = programs('README.md');
  expect(problemsOf([quickStart.replace('batchSize: 32', "batchSize: '32'")])).toContain(
    "Type 'string' is not assignable to type 'number'",
  );
  expect(problemsOf([quickStart.replace('runtime.predict', 'runtime.predicted')])).toContain('predicted');
});
