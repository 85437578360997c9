import { useNavigate } from '@tanstack/react-router';
import { Segmented } from '@/components/ui';
import { serverNow } from '@/lib/time';
import { useParam } from '@/lib/url';

/** Hours; 24 is what the server takes without `from`. */
const SPANS = { 'Last hour': 1, '24 hours': 24, '7 days': 168, '90 days': 2160 } as const;
type Span = keyof typeof SPANS;

export function Period() {
  const [span] = useParam('span', '24 hours');
  const navigate = useNavigate();
  const choose = (next: Span) => {
    const usual = next === '24 hours';
    const from = usual ? undefined : new Date(serverNow() - SPANS[next] * 3_600_000).toISOString();
    void navigate({ to: '.', replace: true, search: ((old: object) => ({ ...old, span: usual ? undefined : next, from })) as never });
  };
  return <Segmented label="Period" value={span as Span} options={Object.keys(SPANS) as Span[]} onChange={choose} />;
}
