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

  it('has a config that the schema takes', async () => {
    const { parseConfig } = await import('../src/experiment/config.ts');
    const config = parseConfig(block('yaml'), `${ROOT}strength.yaml`);
    expect(config.model.hiddenSizes).toEqual([50]);
    expect(config.likelihood).toEqual({ kind: 'gaussian', scale: 'learned' });
    for (const name of ['mnist', 'concrete']) {
      const file = `${ROOT}examples/${name}.yaml`;
      expect(parseConfig(readFileSync(file, 'utf8'), file).training.batchSize).toBeGreaterThan(0);
    }
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
