import { Page } from '@/components/ui';
import { combine, isAsked, type Listed, type Swap, useAll, useNewest } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useParam } from '@/lib/url';
import { Lately } from './Lately';
import { Now } from './Now';
import { refusedByShadow, UNDER_WAY, UNDONE } from './swap';
import { SwapTable } from './SwapTable';
import { WaitingPanel } from './WaitingPanel';

interface Lists extends Record<string, Listed<Swap>> { all: Listed<Swap>; open: Listed<Swap>; aborted: Listed<Swap>; undone: Listed<Swap> }

function Done({ all, open }: Lists) {
  const [, setShow] = useParam('show', 'all');
  const waiting = open.rows.filter(isAsked).length;
  if (waiting > 0) return <><button type="button" className="linkish b" onClick={() => setShow('approval')}>{waiting === 1 ? '1 move waits' : `${formatCount(waiting)} moves wait`} for approval</button>.</>;
  return <><b>{formatCount(all.rows.filter((s) => s.state === 'done').length)} of {all.cut && 'the newest '}{formatCount(all.rows.length)}</b> are done; nothing waits for approval.</>;
}

/** What the shadow run refused is looked for further back than what is done: of which swaps it counts is said where that is not the same. */
function among({ all, aborted }: Lists) {
  if (aborted.cut) return `Among the newest ${formatCount(aborted.rows.length)} that were aborted, the shadow run refused`;
  return all.cut ? 'Among all swaps, older ones too, the shadow run refused' : 'The shadow run refused';
}

function Answer({ lists }: { lists: Lists }) {
  const [, setShow] = useParam('show', 'all');
  const refused = lists.aborted.rows.filter(refusedByShadow).length;
  const many = refused > 1;
  return (
    <>
      <Done {...lists} />{' '}
      <Lately of={lists.undone} />
      {refused > 0 && <>{among(lists)} <button type="button" className="linkish b" onClick={() => setShow('shadow')}>{formatCount(refused)} {many ? 'swaps' : 'swap'}</button>: {many ? 'their workloads' : 'its workload'} stayed where {many ? 'they were' : 'it was'}.</>}
    </>
  );
}

/** What moves, and did what moved go well? */
export default function SwapsPage() {
  const of = combine<Lists>({ all: useNewest<Swap>('/swaps'), open: useAll<Swap>('/swaps', { status: UNDER_WAY.join() }), aborted: useNewest<Swap>('/swaps', { status: 'aborted' }), undone: useNewest<Swap>('/swaps', { status: UNDONE.join() }) });
  return (
    <Page title="Swaps" of={of} answer={(d) => <Answer lists={d} />}
      empty={(d) => d.all.rows.length === 0 && { fact: 'No workload has been resized or moved yet.', hint: 'Swaps follow from awards: the first comes with the first won bid.' }}>
      {(d) => <>
        <WaitingPanel swaps={d.open.rows} />
        <Now swaps={d.open.rows} />
        <SwapTable />
      </>}
    </Page>
  );
}
