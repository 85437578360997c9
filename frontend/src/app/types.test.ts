// The committed types must be those of the committed API description.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generate, TYPES } from '../../scripts/types.mjs';

it('api.gen.ts is what `npm run types` writes', async () => {
  expect(readFileSync(TYPES, 'utf8')).toBe(await generate());
}, 60_000);
