import { useParams } from '@tanstack/react-router';
import { CopyId, Page, PageLink, Place, State } from '@/components/ui';
import { isAsked, type OneSwap, useResource } from '@/lib/api';
import { Answer } from './Answer';
import { Decision } from './Decision';
import { Differences } from './Differences';
import { FactsPanel } from './FactsPanel';
import { PairsPanel } from './PairsPanel';
import { PhasesPanel } from './PhasesPanel';
import { QuestionPanel } from './QuestionPanel';
import { RefusedPanel } from './RefusedPanel';
import { nameOf, stateWord } from './swap';
import { WhyPanel } from './WhyPanel';

/** Safe to approve? */
export default function SwapPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string };
  const of = useResource<OneSwap>(`/swaps/${id}`);
  const swap = of.data;
  return (
    <Page title={swap ? nameOf(swap) : 'Swap'} crumb={<PageLink to="/swaps">Swaps</PageLink>} of={of}
      badge={swap && <span className="row g8 s12 t2 wrap"><span className="nw"><Place pool={swap.pool_from} node={swap.node_from} />{swap.node_from !== swap.node_to && <> → <Place pool={swap.pool_to} node={swap.node_to} /></>}</span><State of={swap.state} word={stateWord(swap)} /></span>}
      answer={(s) => <Answer swap={s} />} actions={swap && !isAsked(swap) && <Decision swap={swap} />}>
      {(s) => <>
        <QuestionPanel swap={s} />
        <RefusedPanel swap={s} />
        <PhasesPanel swap={s} note={<CopyId id={s.id} />} />
        <WhyPanel swap={s} />
        <div className="split">
          <Differences swap={s} />
          <FactsPanel swap={s} />
        </div>
        <PairsPanel swap={s} />
      </>}
    </Page>
  );
}
