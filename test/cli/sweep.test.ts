// varpool sweep as a user meets it: kill -9 and resume, Ctrl-C, streams and exit statuses.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { jsonOf, startVarpool, temporaryDirectory, varpool } from './cli.ts';

const cwd = temporaryDirectory();

function sweepFile(name: string, epochs: number, more = ''): string {
  writeFileSync(
    join(cwd, `${name}.yaml`),
    `config:
  seed: test
  data: { kind: synthetic, rows: 64, testRows: 20, validation: 8 }
  training: { epochs: ${epochs}, batchSize: 16 }
  prediction: { draws: 10 }
vary:
  model.hiddenSizes: [[4], [8]]
  training.optimizer.learningRate: [0.001, 0.01]
repeat: { seeds: 3 }
${more}`,
  );
  return `${name}.yaml`;
}
/** Lines of results.jsonl that are whole. */
function results(dir: string): { key: string; status: string; posteriorDigest: string; run: string }[] {
  const path = join(cwd, dir, 'results.jsonl');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
const digests = (dir: string) =>
  Object.fromEntries(results(dir).map(({ key, posteriorDigest }) => [key, posteriorDigest]));

describe('varpool sweep', () => {
  test('a table on stdout, progress on stderr; a cell is what train makes of its config', () => {
    const file = sweepFile('plain', 5);
    const ended = varpool(cwd, 'sweep', file, '--workers', '2');
    expect(ended.status).toBe(0);
    expect(ended.stderr).toMatch(
      /^4 settings, 12 cells on 2 workers \(\w+\) → runs\/plain\n(cell \d+\/12 · .*\n){12}$/,
    );
    const lines = ended.stdout.split('\n');
    expect(lines[0]).toMatch(
      /^ +hiddenSizes +learningRate +cells +validation NLL +validation RMSE +test NLL +test RMSE$/,
    );
    expect(lines.slice(1, 5).filter((line) => line.startsWith('*'))).toHaveLength(1);
    for (const line of lines.slice(1, 5))
      expect(line).toMatch(/^\*? +\[\d\] +0\.\d+ +3 +(-?\d[\d.]* ± [\d.]+ *){4}$/);
    const told = varpool(cwd, 'sweep', file, '--json');
    const json = jsonOf(told) as { rows: { best: boolean; finished: number }[]; sweep: string };
    expect(json.sweep).toBe('runs/plain');
    expect(json.rows.map(({ finished }) => finished)).toEqual([3, 3, 3, 3]);
    for (const name of ['table.csv', 'table.json', 'cells.csv', 'sweep.json'])
      expect(existsSync(join(cwd, 'runs/plain', name)), name).toBe(true);
    expect(existsSync(join(cwd, 'runs/plain', '.varpool.lock'))).toBe(false);

    const cell = results('runs/plain')[4];
    const config = join('runs/plain', cell.run, 'config.yaml');
    expect(parse(readFileSync(join(cwd, config), 'utf8')).seed).toMatch(/^test\/[012]$/);
    const alone = varpool(cwd, 'train', config, '--out', 'alone', '--workers', '1', '--json', '--quiet');
    expect(jsonOf(alone).posteriorDigest).toBe(cell.posteriorDigest);

    const again = varpool(cwd, 'sweep', file, '--workers', '1');
    expect(again.status).toBe(0);
    expect(again.stderr).not.toContain('cell 1/');
    expect(again.stdout.split('\n').slice(0, 5)).toEqual(lines.slice(0, 5));
  });

  test('killed half way it resumes without repeating finished cells, to the same digests', async () => {
    const file = sweepFile('killed', 300);
    const started = startVarpool(cwd, 'sweep', file, '--out', 'killed', '--workers', '2');
    await started.wrote(/^cell 5\/12/m);
    started.child.kill('SIGKILL');
    await started.ended;
    const before = results('killed');
    expect(before.length).toBeGreaterThanOrEqual(5);
    expect(before.length).toBeLessThan(12);
    const ended = varpool(cwd, 'sweep', file, '--out', 'killed', '--workers', '1');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr.match(/^cell /gm)).toHaveLength(12 - before.length);
    const after = results('killed');
    expect(after.slice(0, before.length)).toEqual(before);
    expect(new Set(after.map(({ key }) => key)).size).toBe(12);
    expect(varpool(cwd, 'sweep', file, '--out', 'whole', '--workers', '2').status).toBe(0);
    expect(digests('killed')).toEqual(digests('whole'));
  });

  test('Ctrl-C ends with 130 and says how to resume', async () => {
    const file = sweepFile('interrupted', 300);
    const started = startVarpool(cwd, 'sweep', file, '--workers', '2');
    await started.wrote(/^cell 2\/12/m);
    started.child.kill('SIGINT');
    const { status, stderr } = await started.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^varpool: interrupted; varpool resume runs\/interrupted resumes the sweep$/m);
    expect(results('runs/interrupted').length).toBeGreaterThanOrEqual(2);
    expect(results('runs/interrupted').length).toBeLessThan(12);
    expect(existsSync(join(cwd, 'runs/interrupted/.varpool.lock'))).toBe(false);
    // What ended is in the tables already, and the directory is enough to resume.
    const cells = readFileSync(join(cwd, 'runs/interrupted/cells.csv'), 'utf8');
    expect(cells.match(/,finished,/g)).toHaveLength(results('runs/interrupted').length);
    expect(cells).toContain(',not run,');
    expect(varpool(cwd, 'resume', 'runs/interrupted', '--quiet').status).toBe(0);
    expect(results('runs/interrupted')).toHaveLength(12);
  });

  test('cells that diverge are warned of; only when all do, the status is 3', () => {
    const some = sweepFile('some', 5).replace('.yaml', '');
    const path = join(cwd, 'some.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('[0.001, 0.01]', '[0.001, 1e30]'));
    const ended = varpool(cwd, 'sweep', `${some}.yaml`, '--quiet');
    expect(ended.status).toBe(0);
    expect(
      ended.stderr.match(
        /^varpool: warning: cell hiddenSizes=.*learningRate=1e\+30.*: train: expected finite/gm,
      ),
    ).toHaveLength(6);
    expect(ended.stdout).toMatch(/^ +\[4\] +1e\+30 +0\/3 +— +—/m);
    writeFileSync(path, text.replace('[0.001, 0.01]', '[1e30]'));
    expect(varpool(cwd, 'sweep', `${some}.yaml`, '--quiet', '--out', 'all').status).toBe(3);
  });

  test('a mistake in the sweep is one line, status 2, and nothing on disk', () => {
    writeFileSync(
      join(cwd, 'bad.yaml'),
      'config: { data: { kind: synthetic } }\nvary: { training.epoch: [1] }\n',
    );
    const ended = varpool(cwd, 'sweep', 'bad.yaml');
    expect(ended).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'varpool: bad.yaml: cell epoch=1: training.epoch: expected a known key, got "epoch" — did you mean epochs?\n',
    });
    expect(existsSync(join(cwd, 'runs/bad'))).toBe(false);
  });
});
