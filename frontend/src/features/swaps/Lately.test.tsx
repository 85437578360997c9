// What came to nothing within the last hour is in sight, however many resizes the table begins with.
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Swap } from '@/lib/api';
import { ago } from '@/mocks/clock';
import { swaps } from '@/mocks/swaps';
import { Lately } from './Lately';

const set = vi.hoisted(() => vi.fn());
vi.mock('@/lib/url', () => ({ useParam: () => ['all', set] }));
vi.mock('@/lib/pages', () => ({ scopeOfPage: () => undefined }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ params, children }: { params: { id: string }; children: string }) => <a href={`/swaps/${params.id}`}>{children}</a> }));
afterEach(() => { cleanup(); set.mockClear(); });
const pattern = swaps.find((s) => s.state === 'aborted') as Swap;
const undone = (name: string, state: string, seconds: number, reason = 'deadline'): Swap => ({ ...pattern, id: `swp_${name}`, instance_name: name, state, reason, difference_count: 0, ended_at: ago(seconds) });
const said = (rows: Swap[], cut = false) => render(<Lately of={{ rows, cut }} />).container.textContent?.trim();

it('names the one, and leads to it', () => {
  expect(said([undone('alignment', 'rolled_back', 60), undone('old', 'failed', 4000)])).toBe('In the last hour 1 was refused or failed: alignment, rolled back.');
  expect(screen.getByRole('link', { name: 'alignment' }).getAttribute('href')).toBe('/swaps/swp_alignment');
});
it('of several names the newest, and shows all of them', () => {
  expect(said([undone('first', 'aborted', 600), undone('last', 'failed', 5)])).toBe('In the last hour 2 were refused or failed, the newest: last, failed, needs a person.');
  fireEvent.click(screen.getByRole('button', { name: '2 were refused or failed' }));
  expect(set).toHaveBeenCalledWith('undone');
});
it('says that there are more where older ones than those that were read may be of this hour', () => {
  expect(said([undone('last', 'failed', 5), undone('first', 'failed', 9)], true)).toContain('2+ were');
  cleanup();
  expect(said([undone('last', 'failed', 5), undone('old', 'failed', 4000)], true)).toContain('1 was');
});
it('says nothing of what is long past, or of one that a newer plan came before', () => {
  expect(said([undone('old', 'failed', 4000), undone('replaced', 'aborted', 5, 'superseded')])).toBe('');
});
