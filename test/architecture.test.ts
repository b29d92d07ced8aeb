// The architecture as a table: which folder may import which, where Node and the clock may be seen, and what the reproducible path
// may not call. HOUSE.md says why; this file says it so that a build can fail.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ESTIMATORS } from '../src/core/estimators/index.ts';
import { KL_WEIGHTINGS } from '../src/core/klWeightings/index.ts';
import { LAYERS } from '../src/core/layers/index.ts';
import { LIKELIHOODS } from '../src/core/likelihoods/index.ts';
import { OPTIMIZERS } from '../src/core/optimizers/index.ts';
import { POSTERIORS } from '../src/core/posteriors/index.ts';
import { PRIORS } from '../src/core/priors/index.ts';
import { SCHEDULES } from '../src/core/schedules/index.ts';

interface Import {
  readonly from: string;
  /** A file below src/, or the name of a package. */
  readonly to: string;
  readonly local: boolean;
  readonly typeOnly: boolean;
}

const SRC = 'src';
const files = (readdirSync(SRC, { recursive: true, encoding: 'utf8' }) as string[])
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .map((name) => name.split(sep).join('/'))
  .sort();
const texts = new Map(files.map((name) => [name, readFileSync(join(SRC, name), 'utf8')]));

/** Source without comments and strings' insides kept: line comments and block comments become blank. */
function code(name: string): string {
  const text = texts.get(name)!;
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

const STATEMENT =
  /^\s*(?:import|export)\b([^;'"]*?)\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

function importsOf(name: string): Import[] {
  return [...code(name).matchAll(STATEMENT)].map((match) => {
    const target = match[2] ?? match[3] ?? match[4];
    const local = target.startsWith('.');
    const to = local
      ? relative(SRC, normalize(join(SRC, dirname(name), target)))
          .split(sep)
          .join('/')
      : target;
    return { from: name, to, local, typeOnly: (match[1] ?? '').trimStart().startsWith('type ') };
  });
}
const imports = files.flatMap(importsOf);

/** The folder right below src/, or the file's own name for files in src/ itself. */
function room(name: string): string {
  if (name.startsWith('platform/node')) return 'platform/node';
  if (name.startsWith('platform/browser')) return 'platform/browser';
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : name;
}

/** Rooms each room may import from, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'errors.ts': [],
  'messages.ts': [],
  options: ['messages.ts', 'errors.ts'],
  math: [],
  random: ['math', 'errors.ts'],
  backend: ['math', 'random', 'errors.ts'],
  columns: ['math', 'options', 'messages.ts'],
  core: ['math', 'random', 'backend', 'columns', 'options', 'messages.ts', 'errors.ts'],
  workers: ['math', 'random', 'backend', 'core', 'errors.ts'],
  platform: ['backend', 'workers'],
  'platform/node': ['backend', 'workers', 'platform', 'errors.ts'],
  scheduler: [
    'math',
    'random',
    'backend',
    'columns',
    'core',
    'workers',
    'platform',
    'options',
    'messages.ts',
    'errors.ts',
  ],
  runtime: [
    'math',
    'random',
    'backend',
    'columns',
    'core',
    'workers',
    'platform',
    'scheduler',
    'options',
    'messages.ts',
    'errors.ts',
  ],
  'version.ts': [],
  'platform/browser': ['backend', 'workers', 'platform', 'errors.ts'],
  'node.ts': ['core', 'platform/node', 'scheduler', 'runtime'],
  bench: ['random', 'backend', 'core', 'platform/node', 'scheduler', 'runtime', 'node.ts', 'errors.ts'],
  files: ['messages.ts', 'errors.ts'],
  jobs: ['files'],
  data: ['messages.ts', 'errors.ts', 'columns', 'core'],
  experiment: [
    'math',
    'random',
    'backend',
    'columns',
    'core',
    'platform/node',
    'scheduler',
    'runtime',
    'data',
    'files',
    'jobs',
    'options',
    'messages.ts',
    'errors.ts',
  ],
  report: [
    'math',
    'columns',
    'core',
    'scheduler',
    'runtime',
    'data',
    'experiment',
    'messages.ts',
    'errors.ts',
  ],
  serve: [
    'index.ts',
    'random',
    'columns',
    'core',
    'scheduler',
    'runtime',
    'data',
    'files',
    'experiment',
    'report',
    'options',
    'messages.ts',
    'errors.ts',
  ],
  cli: [
    'index.ts',
    'node.ts',
    'math',
    'backend',
    'columns',
    'core',
    'bench',
    'platform/node',
    'scheduler',
    'runtime',
    'data',
    'files',
    'experiment',
    'report',
    'serve',
    'messages.ts',
    'errors.ts',
  ],
  browser: [
    'backend',
    'core',
    'platform',
    'platform/browser',
    'scheduler',
    'runtime',
    'files',
    'experiment',
    'options',
    'version.ts',
    'messages.ts',
    'errors.ts',
  ],
  'portable.ts': ['backend', 'columns', 'core', 'scheduler', 'runtime', 'experiment', 'errors.ts'],
  'browser.ts': ['portable.ts', 'browser'],
  'index.ts': ['portable.ts', 'node.ts', 'experiment'],
};

/** What a room may see of another, where that is less than all of it. */
const ONLY: ReadonlyArray<{ from: string; of: string; allows: (found: Import) => boolean; rule: string }> = [
  {
    from: 'core',
    of: 'backend',
    allows: ({ to }) =>
      ['backend', 'kernels', 'arena', 'callList', 'kernelEpoch']
        .map((name) => `backend/${name}.ts`)
        .includes(to),
    rule: 'core sees of backend the contract, the arena, lists of calls and the epoch; kernels arrive as an argument',
  },
  {
    from: 'scheduler',
    of: 'workers',
    allows: ({ to }) => to === 'workers/protocol.ts' || to === 'workers/hook.ts',
    rule: 'scheduler sees of workers only the protocol and the seam for tests',
  },
  {
    from: 'scheduler',
    of: 'backend',
    allows: ({ to }) =>
      ['backend/backend.ts', 'backend/kernels.ts', 'backend/arena.ts', 'backend/kernelEpoch.ts'].includes(to),
    rule: 'scheduler picks a backend by name and never names one',
  },
  {
    from: 'core',
    of: 'columns',
    allows: ({ from, typeOnly }) => typeOnly || from === 'core/arguments.ts',
    rule: 'core keeps what was learned of columns; only its edge checks it',
  },
  { from: 'data', of: 'core', allows: ({ typeOnly }) => typeOnly, rule: 'data sees only types of core' },
  {
    from: 'core',
    of: 'options',
    allows: ({ from, to, typeOnly }) =>
      typeOnly ||
      to === 'options/readable.ts' ||
      ['core/bayesian.ts', 'core/sequential.ts', 'core/arguments.ts'].includes(from),
    rule: 'core says its options without loading the schemas; only what is an edge of its own checks them',
  },
];

test('fastify is loaded by the server alone, and there only on demand', () => {
  const loaded = imports.filter(({ to, typeOnly }) => to === 'fastify' && !typeOnly);
  expect(loaded.map(({ from }) => from)).toEqual(['serve/http/fastify.ts']);
  expect(code('serve/http/fastify.ts')).toContain("await import('fastify')");
});

const REPRODUCIBLE = ['math', 'random', 'backend', 'core', 'workers'];

test('the table names every folder of src, and the scan sees what is there', () => {
  expect(files.map(room).filter((name) => MAY_IMPORT[name] === undefined)).toEqual([]);
  expect(imports.length).toBeGreaterThan(200);
  for (const { from, to, local } of imports) if (local) expect(files, `${from} imports ${to}`).toContain(to);
});

test('folders import only what the table allows', () => {
  const bad = imports.filter(
    ({ from, to, local }) => local && room(from) !== room(to) && !MAY_IMPORT[room(from)].includes(room(to)),
  );
  expect(bad.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

test.each(ONLY)('$rule', ({ from, of, allows }) => {
  const between = imports.filter(
    (found) => found.local && room(found.from) === from && room(found.to) === of,
  );
  expect(between.length).toBeGreaterThan(0);
  expect(between.filter((found) => !allows(found)).map((found) => `${found.from} → ${found.to}`)).toEqual([]);
});

test('no two files import each other, directly or in a circle, types included', () => {
  const next = new Map<string, string[]>();
  for (const { from, to, local } of imports) if (local) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: string[]) => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' → '));
    if (done.has(name) || path.includes(name)) return;
    for (const to of next.get(name) ?? []) visit(to, [...path, name]);
    done.add(name);
  };
  for (const name of files) visit(name, []);
  expect(circles).toEqual([]);
});

describe('the host', () => {
  const ON_NODE = ['platform/node', 'files', 'experiment', 'data', 'serve', 'cli', 'bench'];
  const mayKnowNode = (name: string) =>
    ON_NODE.includes(room(name)) || /^(backend|report)\/.*\.node\.ts$/.test(name);
  const isNodes = (to: string) => to.startsWith('node:') || /^(piscina|comlink\/.*node-adapter.*)$/.test(to);
  const NODES_GLOBALS =
    /\b(process\s*(?:\?\.|\.|\[)\s*\w+|Buffer|setImmediate|clearImmediate|__dirname|__filename|NodeJS)\b|\brequire\(|\.(?:unref|ref)\(/;

  test.each([
    'process.env.A',
    'process?.emitWarning(x)',
    'Buffer.from(x)',
    'setImmediate(f)',
    'timer.unref()',
    "require('koffi')",
  ])('the rule sees %s', (text) => expect(text).toMatch(NODES_GLOBALS));

  test("Node's modules and piscina are imported where the host is known, and nowhere else", () => {
    const bad = imports.filter(({ from, to }) => isNodes(to) && !mayKnowNode(from));
    expect(bad.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
    expect(imports.some(({ from, to }) => from === 'platform/node/pool.ts' && to === 'piscina')).toBe(true);
  });

  test("Node's globals are named where the host is known, and nowhere else", () => {
    const found = files
      .filter((name) => !mayKnowNode(name))
      .flatMap(
        (name) =>
          code(name)
            .match(NODES_GLOBALS)
            ?.slice(0, 1)
            .map((text) => `${name}: ${text}`) ?? [],
      );
    expect(found).toEqual([]);
  });

  test('nothing that a browser would load leads to Node, types included', () => {
    const entries = files.filter(
      (name) =>
        [
          'math',
          'random',
          'core',
          'workers',
          'scheduler',
          'runtime',
          'platform',
          'platform/browser',
        ].includes(room(name)) ||
        ['browser.ts', 'browser/workerEntry.ts'].includes(name) ||
        ['backend/wasm.ts', 'backend/reference/reference.ts', 'backend/registry.ts'].includes(name),
    );
    const reached = new Map<string, string>();
    const walk = (name: string, path: string) => {
      if (reached.has(name)) return;
      reached.set(name, path);
      for (const { from, to } of imports) if (from === name) walk(to, `${path} → ${to}`);
    };
    for (const name of entries) walk(name, name);
    expect(reached.size).toBeGreaterThan(100);
    // Each of these runs in browsers; seedrandom says in its package.json what to leave out there.
    const packages = [...reached.keys()].filter((name) => !files.includes(name)).sort();
    expect(packages).toEqual([
      '@noble/hashes/sha2.js',
      'comlink',
      'fastest-levenshtein',
      'seedrandom',
      'zod',
    ]);
    const hosted = [...reached].filter(
      ([name]) => room(name) === 'platform/node' || name.endsWith('.node.ts'),
    );
    expect(hosted.map(([, path]) => path)).toEqual([]);
    // What makes the bytes of files lies in rooms that may know Node.
    expect(
      reached.has('files/tensors/safetensors.ts') && reached.has('experiment/posterior/posteriorFile.ts'),
    ).toBe(true);
    const named = [...reached].filter(([name]) => files.includes(name) && NODES_GLOBALS.test(code(name)));
    expect(named.map(([, path]) => path)).toEqual([]);
  });
});

describe('the reproducible path', () => {
  const path = files.filter((name) => REPRODUCIBLE.includes(room(name)));
  /** Exact on every engine, or not a function of numbers. */
  const EXACT = new Set(
    'abs ceil floor fround imul max min round sign sqrt trunc clz32 LOG2E LN2 SQRT1_2 SQRT2 PI E'.split(' '),
  );

  test.each(path)('%s calls no function of Math whose bits an engine may choose', (name) => {
    const called = [...code(name).matchAll(/\bMath\.(\w+)/g)].map(([, member]) => member);
    expect(called.filter((member) => !EXACT.has(member))).toEqual([]);
    expect(code(name)).not.toMatch(/\bMath\s*\[|=\s*Math\b(?!\.)/);
    // x ** y is Math.pow; a power of two written out is exact.
    const powers = [...code(name).matchAll(/(\S+)\s*\*\*\s*(\S+)/g)].filter(
      ([, base]) => !/(^|\()2$/.test(base),
    );
    expect(powers.map(([text]) => text)).toEqual([]);
  });

  test.each([...path, ...files.filter((name) => ['scheduler', 'runtime'].includes(room(name)))])(
    '%s asks no clock or chance for a number',
    (name) => {
      expect(code(name)).not.toMatch(/\bDate\b|\bMath\.random\b|\bcrypto\b|\brandomBytes\b|\bhrtime\b/);
    },
  );

  test('packages it uses are those whose bits are known', () => {
    const used = new Set(
      imports
        .filter(({ from, local, typeOnly }) => path.includes(from) && !local && !typeOnly)
        .map(({ to }) => to),
    );
    for (const name of used)
      if (!name.startsWith('node:'))
        expect(['@noble/hashes/sha2.js', 'seedrandom', 'koffi', 'comlink']).toContain(name);
  });

  test('workers load no schemas: they take 50 ms and check what the edge has checked', () => {
    const loaded = new Set<string>();
    const load = (name: string) => {
      if (loaded.has(name)) return;
      loaded.add(name);
      for (const { from, to, typeOnly } of imports) if (from === name && !typeOnly) load(to);
    };
    for (const name of [
      'platform/node/workerEntry.ts',
      'platform/node/sessionEntry.ts',
      'browser/workerEntry.ts',
    ]) {
      expect(files).toContain(name);
      load(name);
    }
    expect(loaded).toContain('core/optimizers/adam.ts');
    expect(
      [...loaded].filter(
        (name) => name === 'zod' || (name.startsWith('options/') && name !== 'options/readable.ts'),
      ),
    ).toEqual([]);
  });
});

describe('members of a kind are asked, never named', () => {
  /** Where a comparison with a name is right, and why. */
  const ALLOWED: Readonly<Record<string, string>> = {
    'experiment/posterior/modelRecord.ts DEFAULT_PRIOR':
      'files from before there were kinds hold a gaussian prior as priorSigma',
    'experiment/posterior/modelRecord.ts DEFAULT_LAYER':
      'files from before there were kinds hold dense layers without one',
    'runtime/prepare.ts DEFAULT_ESTIMATOR':
      'problems from before there were kinds name no estimator; they and new ones are the same training',
    "core/training/stepLists.ts 'step'": 'a kind of argument of a kernel, not the schedule',
    'core/posteriors/index.ts DEFAULT_FAMILY':
      'problems and files from before there were families name none; they are mean field',
    'core/sequential.ts DEFAULT_LAYER': 'a model made of dense layers is the one that build makes',
  };
  const REGISTRIES: Readonly<Record<string, object>> = {
    LIKELIHOODS,
    PRIORS,
    ESTIMATORS,
    OPTIMIZERS,
    LAYERS,
    POSTERIORS,
    SCHEDULES,
    KL_WEIGHTINGS,
  };
  const names = Object.values(REGISTRIES).flatMap((registry) => Object.keys(registry));
  const name = `(?:'(?:${names.join('|')})'|\\bDEFAULT_\\w+)`;
  const COMPARISON = new RegExp(
    `[!=]==?\\s*(${name})|(${name})\\s*[!=]==?|\\bcase\\s+(${name})|(${name})\\s*\\]?\\.includes\\(`,
    'g',
  );
  const compared = (text: string) =>
    [...text.matchAll(COMPARISON)].map((match) => match.slice(1).find((found) => found !== undefined)!);

  test('the rule sees what it forbids', () => {
    expect(names).toEqual(expect.arrayContaining(['gaussian', 'adam', 'dense', 'reparameterization']));
    for (const text of [
      "kind === 'gaussian'",
      "'adam' !== kind",
      "case 'dense':",
      "['gaussian'].includes(kind)",
    ])
      expect(compared(text), text).toHaveLength(1);
    expect(compared("kind: 'gaussian', other === 'gaussians'")).toEqual([]);
  });

  test('no file compares anything with the name of a member', () => {
    const found = files.flatMap((file) => compared(code(file)).map((what) => `${file} ${what}`));
    expect([...new Set(found)].sort()).toEqual(Object.keys(ALLOWED).sort());
  });
});

test.each(files)('%s says at its head what it owns, and stays short', (name) => {
  const lines = texts.get(name)!.split('\n');
  const head = lines.findIndex((line) => !line.startsWith('//') && !line.startsWith('#!'));
  const comment = lines.slice(0, head).filter((line) => line.startsWith('//'));
  expect(comment.length, 'head comment lines').toBeGreaterThanOrEqual(1);
  expect(comment.length, 'head comment lines').toBeLessThanOrEqual(4);
  expect(comment.join(' ').length).toBeGreaterThan(30);
  // The table of kernels has one entry a kernel: there is nothing to take apart.
  if (name !== 'backend/kernels.ts') expect(lines.length, 'lines').toBeLessThan(350);
});
