import { Segmented } from '@/components/ui';
import { useNavigate } from '@tanstack/react-router';
import { useParam } from '@/lib/url';

const SPANS = { 'Last hour': 1, 'Today': 24, '7 days': 168, 'All': 0 } as const;
type Span = keyof typeof SPANS;

/** A preset writes `from` into the URL; the whole statement needs none. */
export function Period() {
  const [span] = useParam('span', 'All');
  const navigate = useNavigate();
  const choose = (next: Span) => {
    const hours = SPANS[next];
    const from = hours ? new Date(Date.now() - hours * 3_600_000).toISOString() : undefined;
    void navigate({ to: '.', replace: true, search: { span: next === 'All' ? undefined : next, from } as never });
  };
  return <Segmented label="Period" value={span as Span} options={Object.keys(SPANS) as Span[]} onChange={choose} />;
}
