// Jobs: their names follow from all that decides a result and from nothing else.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { KERNEL_EPOCH } from '../../src/backend/kernelEpoch.ts';
import { parseConfig } from '../../src/experiment/config/config.ts';
import { prepareRun } from '../../src/experiment/run/data.ts';
import { runJob } from '../../src/experiment/run/job.ts';
import { jobName } from '../../src/jobs/job.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-jobs-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('a name is the SHA-256 of JSON with sorted keys and no white space', () => {
  const text = '{"config":{"a":[1,{"b":null,"é":"x"}],"seed":"s"},"data":["00"],"kernelEpoch":3}';
  const job = { kernelEpoch: 3, data: ['00'], config: { seed: 's', a: [1, { é: 'x', b: null }] } };
  expect(jobName(job)).toBe(createHash('sha256').update(text).digest('hex'));
  expect(jobName({ ...job, config: { ...job.config, z: -0 } })).not.toBe(
    jobName({ ...job, config: { ...job.config, z: 0 } }),
  );
});

describe('the job of a run', () => {
  const ROWS = 'a,y\n1,2\n2,3\n3,5\n4,4\n5,6\n6,7\n';
  /** The name of the job of a config whose data lie in a folder of their own. */
  const nameOf = (folder: string, { rows = ROWS, file = 'rows.csv', seed = 's', more = '' } = {}) => {
    mkdirSync(join(dir, folder), { recursive: true });
    writeFileSync(join(dir, folder, file), rows);
    const text = `seed: ${seed}\ndata: { kind: csv, path: ${file}, target: y, testFraction: 0.34 }\n${more}`;
    return jobName(runJob(prepareRun(parseConfig(text, join(dir, folder, 'config.yaml')), 'config.yaml')));
  };
  const name = nameOf('here');

  test('says epoch, config with defaults, and hashes of data', () => {
    const text = 'seed: s\ndata: { kind: csv, path: rows.csv, target: y, testFraction: 0.34 }\n';
    const job = runJob(prepareRun(parseConfig(text, join(dir, 'here', 'config.yaml')), 'config.yaml'));
    expect(job.kernelEpoch).toBe(KERNEL_EPOCH);
    expect(job.data).toEqual([createHash('sha256').update(ROWS).digest('hex')]);
    expect(job.config).toMatchObject({
      seed: 's',
      data: { kind: 'csv', target: 'y' },
      training: { draws: 1 },
    });
    expect(JSON.stringify(job)).not.toContain('rows.csv');
  });

  test('has one name wherever its data lie and whatever is written on the way', () => {
    expect(nameOf('there', { file: 'moved.csv' })).toBe(name);
    expect(nameOf('here', { more: 'checkpoint: { everySteps: 7 }\nlogging: { tensorboard: true }\n' })).toBe(
      name,
    );
    expect(nameOf('here', { more: 'prediction: { draws: 100 }\n' })).toBe(
      nameOf('there', { more: 'prediction:\n  draws: 100\n' }),
    );
  });

  test('has another name where anything decides another result', () => {
    const others = [
      nameOf('here', { seed: 't' }),
      nameOf('changed', { rows: ROWS.replace('5,6', '5,8') }),
      nameOf('here', { more: 'training: { epochs: 7 }\n' }),
      nameOf('here', { more: 'ensemble: { members: 2 }\n' }),
      nameOf('here', { more: 'ensemble: { members: 2, member: 1 }\n' }),
    ];
    expect(new Set([name, ...others]).size).toBe(6);
  });
});
