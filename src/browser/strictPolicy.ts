// zod compiles its checks by `new Function` where it may, and asks by trying, which a strict Content-Security-Policy reports. It has
// to be told before the first schema is made, so entries import this file before any other.

import { config } from 'zod';

config({ jitless: true });
