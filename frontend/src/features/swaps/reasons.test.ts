// Every reason that a swap may have is a sentence with what to do next.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KNOWN, reasonHere, reasonText } from './reasons';

const beside = (path: string) => readFileSync(join(process.cwd(), '..', 'backend', path), 'utf8');
const quoted = (text: string) => [...text.matchAll(/"([a-z]+(?:_[a-z]+)*)"/g)].map((m) => m[1] as string);

it('has a sentence for every code of the driver, and for every reason that the market knows', () => {
  const driver = quoted(/pub fn code\(&self\)[^{]*\{([\s\S]*)$/.exec(beside('execution/src/driver/error.rs'))?.[1] ?? '');
  const blame = beside('market/src/swap/blame.rs');
  const lists = [...blame.matchAll(/^const [A-Z]+: \[&str; \d+\] =\s*\[([^\]]*)\]/gm)].map((m) => m[1] as string);
  const names = [['market/src/swap/blame.rs', 'CANCELLED_BY_OPERATOR', 'DEADLINE', 'MEMORY_IN_USE', 'RESTARTED', 'SUPERSEDED', 'REJECTED', 'EXPIRED'], ['market/src/workload/vacate.rs', 'VACATED']];
  const named = names.flatMap(([file = '', ...all]) => all.map((name) => new RegExp(`const ${name}: &str = "([a-z_]+)"`).exec(beside(file))?.[1] ?? `${file} has no ${name}`));
  expect([driver.length, lists.length, quoted(lists.join()).length > 15]).toEqual([31, 3, true]);
  expect([...new Set([...driver, ...quoted(lists.join()), ...named])].filter((code) => !KNOWN.includes(code))).toEqual([]);
});
it('says each in at least two sentences, the second with what becomes of it or what to do', () => {
  for (const reason of KNOWN) expect(reasonText({ reason }), reason).toMatch(/^[A-Z].{20,}[.:;?] .{15,}\.$/);
  expect(KNOWN.map((reason) => reasonText({ reason })).filter((said) => said.includes('_'))).toEqual([]);
});
it('names parts of a page by their headings, which are there, and never by a direction', () => {
  const headings = ['Differences.tsx', 'RefusedPanel.tsx', '../workloads/Vacate.tsx'].flatMap((file) => [...readFileSync(join(process.cwd(), 'src/features/swaps', file), 'utf8').matchAll(/<Panel title="([^"]+)"/g)].map((m) => m[1] as string));
  const named = KNOWN.flatMap((reason) => [...reasonText({ reason }).matchAll(/“([^”]+)”/g)].map((m) => m[1] as string));
  expect(reasonText({ reason: 'shadow_mismatch' })).toContain('“Shadow run');
  expect(named.filter((name) => !headings.includes(name))).toEqual([]);
  for (const reason of KNOWN) expect(reasonText({ reason })).not.toMatch(/\b(below|above|beside)\b/);
});
it('reads a code of a later version as its words, and says nothing where there is none', () => {
  expect([reasonText({ reason: 'sun_spots' }), reasonText({ reason: null })]).toEqual(['Sun spots.', '']);
});
it('on the swap’s own page points to its parts, not to the page', () => {
  expect(reasonText({ reason: 'shadow_mismatch' })).toContain('stands on the swap’s page under “Shadow run');
  expect(reasonHere({ reason: 'shadow_mismatch' })).toContain('What differs stands under “Shadow run: same inputs, both places”, and what to do under “What this means, and what to do”.');
  for (const reason of KNOWN) expect(reasonHere({ reason })).not.toContain('the swap’s page');
});
