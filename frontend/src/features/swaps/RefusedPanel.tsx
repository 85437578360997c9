import { PageLink, Panel } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { nameOf, onlyState, refusedByShadow } from './swap';

/** What a refused shadow run means, what its owner can do, and what it has not changed. */
export function RefusedPanel({ swap }: { swap: Swap }) {
  // Without a difference it was refused for another reason, which stands among its facts.
  if (!refusedByShadow(swap) || swap.difference_count === 0) return null;
  const workload = <PageLink className="underline" to="/workloads" search={{ workload: swap.instance }}>{nameOf(swap)}</PageLink>;
  return (
    <Panel title="What this means, and what to do">
      <div className="pad col g8 s12 t2 prose">
        {onlyState(swap)
          ? <p><b>The copy gave the same answers, and had another state.</b> It was given the same recorded inputs. So the program keeps something that is not made from its inputs: a property of the node, a clock or chance.</p>
          : <p><b>The copy answered otherwise than the workload.</b> It was given the same recorded inputs. So the program reads something that is not part of its inputs: a property of the node, a clock or chance.</p>}
        <p>Make the program depend on its inputs alone; until then its moves may be refused like this one. If its answers need not be the same and only speed matters, register it with <code>{'"comparison": { "outputs": "performance_only" }'}</code>{onlyState(swap) && <>; if its state need not be, with <code>{'"comparison": { "state_hash": false }'}</code></>}. That is set once, in <code>POST /v1/instances</code> (<a className="underline" href="/docs">all routes of the API</a>): register the workload again and stop this one.</p>
        <p><b>Nothing was changed.</b> {workload} went on where it was and as it was, without a pause.</p>
      </div>
    </Panel>
  );
}
