// An edited config is noticed and its first changed field is named; files that lie elsewhere are no edit.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatConfig, parseConfig } from '../../../src/experiment/config/config.ts';
import { changedField, configRecord } from '../../../src/experiment/manifest/configRecord.ts';

const text = (extra = '') =>
  formatConfig(
    parseConfig(
      `seed: '7'\ndata: { kind: csv, path: a.csv, target: [y, z], features: { file: f.txt }${extra} }`,
      '/c.yaml',
    ),
  );
const values = (yaml: string) => configRecord(yaml).values;

describe('configRecord', () => {
  test('is the hash of the text and what it says, numbers to the bit', () => {
    const { sha256, values: said } = configRecord(text());
    expect(sha256).toBe(createHash('sha256').update(text()).digest('hex'));
    expect(said).toMatchObject({
      seed: '7',
      training: { optimizer: { eps: 1e-8 } },
      data: { target: ['y', 'z'] },
    });
    expect(JSON.parse(JSON.stringify(said))).toEqual(said);
  });
});

describe('changedField', () => {
  test.each([
    ['epochs: 10', 'epochs: 11', { field: 'training.epochs', before: 10, now: 11 }],
    ['target: [y, z]', 'target: [y, x]', { field: 'data.target[1]', before: 'z', now: 'x' }],
    ['target: [y, z]', 'target: [y]', { field: 'data.target[1]', before: 'z', now: undefined }],
    ['target: [y, z]', 'target: y', { field: 'data.target', before: ['y', 'z'], now: 'y' }],
    ['seed: "7"', 'seed: 7', { field: 'seed', before: '7', now: 7 }],
    [
      'eps: 1e-8',
      'eps: 1.0000000000000002e-8',
      { field: 'training.optimizer.eps', before: 1e-8, now: 1.0000000000000002e-8 },
    ],
    ['path: a.csv', 'other: a.csv', { field: 'data.path', before: 'a.csv', now: undefined }],
  ])('%s → %s', (from, to, expected) => {
    const edited = text().replace(from, to);
    expect(edited).not.toBe(text());
    expect(changedField(values(text()), values(edited))).toEqual(expected);
  });

  test.each([
    ['path: a.csv', 'path: /elsewhere/b.csv'],
    ['file: f.txt', 'file: g.txt'],
    ['epochs: 10', 'epochs: 10 # ten'],
    ['epochs: 10', 'epochs: 1e1'],
  ])('%s → %s is none', (from, to) => {
    const edited = text().replace(from, to);
    expect(edited).not.toBe(text());
    expect(changedField(values(text()), values(edited))).toBeNull();
  });

  test('what is kept on the way is no edit', () => {
    const said = values(text());
    const more = { ...said, checkpoint: { everySteps: 3 }, logging: { tensorboard: true } };
    expect(changedField(said, more)).toBeNull();
    expect(changedField(said, { ...more, other: 1 })).toMatchObject({ field: 'other', now: 1 });
  });
});
