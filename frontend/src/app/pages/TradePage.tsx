// The trade page puts two features side by side; only the application layer may do that.
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { Ticket } from '@/features/bids/Ticket';
import { PoolPage } from '@/features/pools/PoolPage';
import { useMay } from '@/lib/api';
import { useParam } from '@/lib/url';

export default function TradePage() {
  const { slug = '' } = useParams({ strict: false }) as { slug?: string };
  const [picked, setPicked] = useState<number | null>(null);
  const [resource] = useParam('r', 'cpu_milli');
  const mayTrade = useMay('orders:write');
  return (
    <PoolPage key={slug} slug={slug} onPick={mayTrade ? setPicked : undefined}
      ticket={mayTrade ? (pool) => <Ticket pool={pool} resource={resource} unitPrice={picked} /> : undefined} />
  );
}
