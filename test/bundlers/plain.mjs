// The program of the matrix in this checkout.

import * as varpool from '../../dist/index.js';
import { digestOfTraining } from './program.mjs';

console.log(await digestOfTraining(varpool));
