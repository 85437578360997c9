// A file is called after what is in it: two statements of one participant do not overwrite each other.
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Statement } from '@/lib/api';
import { statement } from '@/mocks/finance';
import { CsvFile } from './CsvFile';
import { Equation } from './Equation';

const saved = vi.hoisted(() => [] as [string, string][]);
vi.mock('@/lib/csv', () => ({ download: (name: string, text: string) => saved.push([name, text]) }));
const real = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = real; saved.length = 0; });

it('saves under a name with the period', async () => {
  globalThis.fetch = (async (path: string) => new Response(`of ${path}`)) as typeof fetch;
  render(<CsvFile path="/statements.csv" query={{ from: undefined }} name="statement" period={{ from: '2026-11-24T16:05:09Z', to: '2026-11-25T16:05:09Z' }} text="Statement, CSV" />);
  const link = screen.getByRole('link', { name: 'Statement, CSV' });
  expect(link.getAttribute('href')).toBe('/v1/statements.csv');
  fireEvent.click(link);
  await waitFor(() => expect(saved).toEqual([['statement-2026-11-24-1605-to-2026-11-25-1605.csv', 'of /v1/statements.csv']]));
});
it('one movement is one line', () => {
  const one: Statement = { ...statement, lines: statement.lines.slice(0, 1), truncated: false };
  const { container } = render(<Equation statement={one} />);
  expect(container.textContent).toContain('Movements, 1 line');
  expect(container.textContent).not.toContain('1 lines');
});
