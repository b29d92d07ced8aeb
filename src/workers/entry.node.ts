// The thread around `compute`: piscina calls the default export with each request.

import { createCompute } from './compute.ts';

export default createCompute(() => process.exit(1));
