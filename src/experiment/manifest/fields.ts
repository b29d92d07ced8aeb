// Kinds of values in a manifest, with what errors call them.

import * as z from 'zod';

export const text = z.string({ error: 'a string' });
export const hash = text.regex(/^[0-9a-f]{64}$/, { error: 'a SHA-256 in 64 hex digits' });
export const size = z
  .number({ error: 'a whole number' })
  .int({ error: 'a whole number' })
  .min(0, { error: 'a whole number' });
export const texts = z.array(text, { error: 'a list of strings' });
