import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Dispute, Receipt, Swap } from '@/lib/api';
import { receipts } from '@/mocks/finance';
import { disputes } from '@/mocks/disputes';
import { swaps } from '@/mocks/swaps';
import { DecideDispute } from './DecideDispute';
import { atStake, disputable, disputeOf, standing } from './dispute';
import { OpenDispute } from './OpenDispute';
import { done, undoneFirst } from './trace';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/swaps">{children}</a> }));
const [first, second] = swaps as [Swap, Swap];
const evidence: Swap[] = [
  { ...first, id: 'swp_done', state: 'done', method: 'resize', reason: null, created_at: '2026-11-26T10:00:00Z', ended_at: '2026-11-26T10:00:02Z' },
  { ...second, id: 'swp_late', state: 'aborted', method: 'checkpoint', reason: 'shadow_mismatch', created_at: '2026-11-26T10:00:05Z', ended_at: '2026-11-26T10:00:09Z' },
];
afterEach(() => { cleanup(); vi.unstubAllGlobals(); });
const receipt = receipts[1] as Receipt;
const dispute = disputes[0] as Dispute;

function answered(status: number, body: unknown): { sent: { path: string; body: unknown }[] } {
  const sent: { path: string; body: unknown }[] = [];
  vi.stubGlobal('fetch', vi.fn(async (path: string, init?: RequestInit) => {
    if (String(path).endsWith('/swaps')) return new Response(JSON.stringify({ data: evidence, has_more: false }), { status: 200, headers: { 'content-type': 'application/json' } });
    sent.push({ path: String(path), body: JSON.parse(String(init?.body ?? 'null')) });
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' } });
  }));
  return { sent };
}
const show = (page: React.ReactNode) => render(<QueryClientProvider client={new QueryClient()}>{page}</QueryClientProvider>);
const type = (label: RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });

it('says what may be claimed of what was bought and lent', () => {
  expect(atStake(receipt)).toBe(10_800_000n);
  // 4 cores at 0.7 for the slot were lent, and none was given: all of it is missing
  expect(atStake(receipts[2] as Receipt)).toBe(2_800_000n);
  const now = Date.parse(receipt.recorded_at) + 1000;
  expect([disputable(receipt, [], now), disputable(receipt, [dispute], now), disputable(receipt, [{ ...dispute, state: 'withdrawn' }], now), disputable(receipt, [], now + 8 * 86_400_000)]).toEqual([true, false, true, false]);
  expect(disputeOf([{ ...dispute, state: 'withdrawn' }], receipt.id)).toBeUndefined();
});

it('says how a dispute stands', () => {
  expect(standing(dispute)).toBe('open, 10.80 cr set aside');
  expect(standing({ ...dispute, state: 'upheld', note: '5.000000' })).toBe('upheld in part, 5.00 of 10.80 cr paid');
  expect(standing({ ...dispute, state: 'upheld', note: dispute.claimed })).toBe('upheld, 10.80 cr paid');
  expect(standing({ ...dispute, state: 'rejected' })).toBe('rejected');
});

it('a receipt is disputed with a reason and an amount that it bears', async () => {
  const { sent } = answered(201, dispute);
  const closed = vi.fn();
  show(<OpenDispute of={receipt} onClose={closed} />);
  const button = screen.getByRole('button', { name: 'Dispute it' }) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  type(/What is wrong/, ' It stood still ');
  type(/Claimed/, '10.9');
  expect([button.disabled, screen.queryByText('More than 0, and at most 10.800000') !== null]).toEqual([true, true]);
  type(/Claimed/, '2.5');
  fireEvent.click(button);
  await waitFor(() => expect(closed).toHaveBeenCalled());
  expect(sent).toEqual([{ path: '/v1/disputes', body: { receipt: receipt.id, reason: 'It stood still', claimed: '2.5' } }]);
});

it('a refusal stays with what was typed', async () => {
  answered(409, { type: 'about:blank', title: 'Conflict', status: 409, code: 'dispute_exists', detail: 'This receipt has the dispute dsp_1, which is open.' });
  const closed = vi.fn();
  show(<OpenDispute of={receipt} onClose={closed} />);
  type(/What is wrong/, 'It stood still');
  fireEvent.click(screen.getByRole('button', { name: 'Dispute it' }));
  expect((await screen.findByRole('alert')).textContent).toContain('This receipt has the dispute dsp_1');
  expect([closed.mock.calls.length, (screen.getByLabelText(/What is wrong/) as HTMLInputElement).value]).toEqual([0, 'It stood still']);
});

it('finance pays a part, or nothing, which rejects it', async () => {
  const { sent } = answered(200, { ...dispute, state: 'rejected' });
  const closed = vi.fn();
  show(<DecideDispute of={dispute} name="Genomics Core" onClose={closed} />);
  type(/Reason/, 'All of it was there');
  type(/Paid to the member/, '11');
  expect((screen.getByRole('button', { name: 'Pay the note' }) as HTMLButtonElement).disabled).toBe(true);
  type(/Paid to the member/, '0');
  fireEvent.click(screen.getByRole('button', { name: 'Reject it' }));
  await waitFor(() => expect(closed).toHaveBeenCalled());
  expect(sent).toEqual([{ path: `/v1/disputes/${dispute.id}/decide`, body: { note: '0', reason: 'All of it was there' } }]);
});

it('finance sees what was done for the slot, what was not done first', async () => {
  answered(200, dispute);
  show(<DecideDispute of={dispute} name="Genomics Core" onClose={() => {}} />);
  const list = await screen.findByRole('list', { name: 'Swaps of the slot' });
  const rows = [...list.querySelectorAll('li')].map((row) => row.textContent ?? '');
  expect(rows[0]).toContain('shadow mismatch');
  expect(rows[0]).toContain('Move to');
  expect(rows[1]).toContain('Resize to');
  expect(screen.getByText(/2 resizes and moves of the workload for this slot, 1 of them not done/)).toBeTruthy();
  expect(undoneFirst(evidence).map((s) => s.id)).toEqual(['swp_late', 'swp_done']);
  expect(done([evidence[1] as Swap])).toBe('1 resize or move of the workload for this slot, not done.');
  expect(done([evidence[0] as Swap])).toBe('1 resize or move of the workload for this slot, done.');
});
