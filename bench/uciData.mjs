// One split of a UCI regression set as Hernández-Lobato & Adams 2015 cut them: data.txt with index files beside it.

import { loadData } from '../dist/data/load.js';

/** @param {string} root @param {string} set @param {number} split */
export function uciSplit(root, set, split) {
  const dir = `${root}/${set}`;
  const spec = {
    kind: 'csv',
    path: `${dir}/data.txt`,
    delimiter: 'whitespace',
    header: false,
    target: { file: `${dir}/index_target.txt` },
    features: { file: `${dir}/index_features.txt` },
    trainIndices: `${dir}/splits/index_train_${split}.txt`,
    testIndices: `${dir}/splits/index_test_${split}.txt`,
  };
  return loadData(spec, { baseDir: '.', task: 'regression', shuffle: () => undefined });
}
