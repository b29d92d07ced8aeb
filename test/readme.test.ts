// README's example is run as a reader would run it: by Node, against the build, the package found by its own name.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const readme = readFileSync(`${ROOT}README.md`, 'utf8');

function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.[1];
  if (found === undefined) throw new Error(`README.md: expected a block of ${language}, got none`);
  return found;
}

/** Runs a module that is not on disk; `varpool` in it is this checkout. */
function runModule(source: string): { stdout: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: ROOT,
    input: source,
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

describe('README', () => {
  it('has an example that prints what it says, to the last bit of the digest', () => {
    expect(runModule(block('js'))).toEqual({ stdout: block('text'), stderr: '', status: 0 });
  });

  it('prints the same with one and with three workers, in WebAssembly and with the reference kernels', () => {
    for (const options of ['workers: 1', 'workers: 3', "backend: 'wasm'", "backend: 'reference'"]) {
      const source = block('js').replace("seed: 'quickstart'", `${options}, seed: 'quickstart'`);
      expect(source).not.toBe(block('js'));
      expect(runModule(source).stdout, options).toBe(block('text'));
    }
  });

  it('prints something else for another seed', () => {
    const { stdout, status } = runModule(block('js').replace("seed: 'quickstart'", "seed: 'other'"));
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^[0-9a-f]{64}$/);
    expect(stdout.trimEnd().split('\n').at(-1)).not.toBe(block('text').trimEnd().split('\n').at(-1));
  });

  it('shows the quick start of examples/, whole', () => {
    expect(block('js')).toBe(readFileSync(`${ROOT}examples/quickstart.mjs`, 'utf8'));
  });

  it('shows the config of examples/, whole', () => {
    expect(block('yaml')).toBe(readFileSync(`${ROOT}examples/strength.yaml`, 'utf8'));
  });

  it('has examples whose data is in the repository, but for MNIST', async () => {
    const { readConfig } = await import('../src/experiment/config/config.ts');
    const { loadRunData } = await import('../src/experiment/run/data.ts');
    const loaded = Object.fromEntries(
      readdirSync(`${ROOT}examples`)
        .filter((name) => name.endsWith('.yaml') && !['mnist.yaml', 'energy-sweep.yaml'].includes(name))
        .map((name) => [name, loadRunData(readConfig(`${ROOT}examples/${name}`))]),
    );
    const rows = Object.values(loaded).map(({ train, test }) => [train.features.rows, test?.features.rows]);
    expect(Object.keys(loaded)).toEqual([
      'concrete.yaml',
      'energy-ensemble.yaml',
      'flats.yaml',
      'iris.yaml',
      'strength.yaml',
      'yacht.yaml',
    ]);
    expect(rows).toEqual([
      [927, 103],
      [691, 77],
      [240, 60],
      [120, 30],
      [927, 103],
      [277, 31],
    ]);
  });

  it('names files that are in the repository, but for what its commands write', () => {
    const commands = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text).join('');
    const files = [...commands.matchAll(/[\w./-]+\.(?:yaml|csv)/g)].map(([file]) => file);
    expect(files).toContain('examples/strength.yaml');
    const written = ['predictions.csv'];
    expect(files.filter((file) => !written.includes(file) && !existsSync(ROOT + file))).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(named).toContain('demo');
    for (const name of named) expect(Object.keys(scripts), name).toContain(name);
    expect(scripts.test).toBeTypeOf('string');
  });
});

describe('links between the documents', () => {
  const documents = readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
    .map((path) => `docs/${path.replaceAll('\\', '/')}`)
    .concat('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md')
    .filter((path) => path.endsWith('.md'));

  it.each(documents)('%s points at files that exist', (document) => {
    const text = readFileSync(ROOT + document, 'utf8');
    const folder = new URL(document, `file://${ROOT}`);
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
    const sources = [...text.matchAll(/`((?:src|kernels|test|docs|examples)\/[\w./-]+\.\w+)`/g)].map(
      ([, path]) => path,
    );
    const missing = [
      ...links.filter((link) => !existsSync(fileURLToPath(new URL(link, folder)))),
      ...sources.filter((path) => !existsSync(ROOT + path)),
    ];
    expect(missing).toEqual([]);
  });
});
