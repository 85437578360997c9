// The committed types must be those of the committed API description.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import openapi, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

const SPEC = join(process.cwd(), '../openapi/openapi.json');
const TYPES = join(process.cwd(), 'src/api.gen.ts');
const body = (text: string) => text.replace(/^\/\*\*[\s\S]*?\*\/\s*/, '').trim();

it.skipIf(!existsSync(SPEC))('api.gen.ts is what `npm run types` writes', async () => {
  const fresh = astToString(await openapi(JSON.parse(readFileSync(SPEC, 'utf8'))));
  expect(body(readFileSync(TYPES, 'utf8'))).toBe(body(fresh));
}, 60_000);
