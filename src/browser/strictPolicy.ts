// zod compiles its checks by `new Function` where that is allowed, and finds out by trying, which a strict Content-Security-Policy
// reports. This has to be set before the first schema is made, so entries import this file before any other.

import { config } from 'zod';

config({ jitless: true });
