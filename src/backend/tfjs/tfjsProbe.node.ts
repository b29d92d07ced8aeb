// A thread that loads TensorFlow.js as a worker does, multiplies once and ends: without an error, it can be used.

import { workerData } from 'node:worker_threads';
import { loadTfjs, type TfjsChoice } from './tfjsPackage.node.ts';

const tf = await loadTfjs(workerData as TfjsChoice);
const a = tf.tensor2d(Float32Array.of(1, 2), [1, 2], 'float32');
const b = tf.tensor2d(Float32Array.of(3, 4), [2, 1], 'float32');
const [product] = tf.matMul(a as never, b as never).dataSync() as Float32Array;
if (product !== 11) throw new Error(`expected 1·3 + 2·4 to be 11, got ${product}`);
