// House style, measured: short components. A page that outgrows this is two components.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('keeps components short', () => {
  const src = join(process.cwd(), 'src');
  const lines = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.tsx') && !f.includes('.test.'))
    .map((f) => readFileSync(join(src, f), 'utf8').split('\n').length).sort((a, b) => a - b);
  expect(lines[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(50);
  expect(lines[Math.floor(lines.length * 0.9)]).toBeLessThan(150);
});
