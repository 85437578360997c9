// Imports go one way: app → features → {components, lib}, components → lib; no feature knows another.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(process.cwd(), 'src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f) && !/\.test\.|^mocks\/|\.gen\.ts$/.test(f));
const LEVEL: Record<string, number> = { lib: 0, components: 1, features: 2, app: 3 };

/** Where an import leads, as a path under src; null for packages and styles. */
function target(file: string, spec: string): string | null {
  if (spec.startsWith('@/')) return spec.slice(2);
  return spec.startsWith('.') ? join(file, '..', spec) : null;
}

describe('imports', () => {
  for (const file of files) {
    it(file, () => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const [layer = '', feature] = file.split('/');
      for (const [, spec = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
        const to = target(file, spec)?.split('/');
        const level = to && LEVEL[to[0] ?? ''];
        if (!to || level === undefined || LEVEL[layer] === undefined) continue;
        expect(level, `${file} → ${spec}`).toBeLessThanOrEqual(LEVEL[layer]);
        if (layer === 'features' && to[0] === 'features') expect(to[1], `${file} → ${spec}`).toBe(feature);
      }
    });
  }
});
