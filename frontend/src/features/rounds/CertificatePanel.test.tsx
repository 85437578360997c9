// What is left open is told by its causes, in credits; no seed and nothing of the search.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Round } from '@/lib/api';
import { round } from '@/mocks/rounds';
import { asRole } from '@/mocks/setup';
import { CertificatePanel } from './CertificatePanel';

afterEach(cleanup);
const show = (of: Round) => {
  asRole.role = 'bidder';
  const { container } = render(<QueryClientProvider client={new QueryClient()}><CertificatePanel round={of} /></QueryClientProvider>);
  return { text: container.textContent ?? '', facts: Object.fromEntries([...container.querySelectorAll('dl.kv dt')].map((dt) => [dt.textContent, dt.nextElementSibling?.textContent])) };
};
const bounded = Array.from({ length: 7 }, (_, i) => round(948_200 + i)).find((r) => r.certificate?.quality === 'bounded') as Round;

it('shows the gap by cause', () => {
  const { text, facts } = show(bounded);
  expect(facts).toMatchObject({
    'At most possible': '184,302.341000 cr', 'Gap between the two': '75.932883 cr', 'Of it: bids with a minimum or alternatives': '60.500000 cr', 'Of it: lots without a node': '15.400000 cr', 'Of it: whole units and printed prices': '0.032883 cr',
  });
  expect(text).toContain('Checked, not proved best');
  expect(text).not.toMatch(/Seed|searching/);
});
it('is the best where only whole units and printed prices leave something open, and says that they do', () => {
  const certificate = bounded.certificate && { ...bounded.certificate, quality: 'optimal', bound: '184226.408437000', gap: { total: '0.000320000', blocks: '0', hosts: '0', rounding: '0.000320000' } };
  const { text } = show({ ...bounded, certificate });
  expect(text).toContain('No outcome under the rules has more welfare, but for what whole units and printed prices take.');
  expect(text).toContain('but for rounding');
  expect(show({ ...bounded, certificate: certificate && { ...certificate, bound: certificate.welfare, gap: { total: '0', blocks: '0', hosts: '0', rounding: '0' } } }).text).toContain('nothing is left open');
});
it('says that a round has none yet', () => {
  expect(show({ ...bounded, certificate: null, state: 'sealed' }).text).toContain('No certificate yet');
});
