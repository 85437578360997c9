import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('toasts come where no page has its main action: at the left of two columns, at the top of one', () => {
  const rules = [...readFileSync('src/styles/app.css', 'utf8').matchAll(/\.toasts\{([^}]*)\}/g)].map((m) => m[1]);
  expect(rules).toHaveLength(3);
  expect(rules[0]).toMatch(/left:16px;bottom:16px/);
  expect(rules[0]).not.toMatch(/right:/);
  expect(rules[1]).toBe('top:8px;bottom:auto');
  expect(rules[2]).toBe('left:8px;right:8px');
});
