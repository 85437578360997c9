// Cordon, drain and uncordon a node: each asks first, and says what it does.
import { type ReactNode, useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type FullNode, useWrite } from '@/lib/api';
import { type Act, actsOf, hasAgent, isDraining, workloadCount, workloadsOf } from '@/lib/nodes';

const WORDS: Record<Act, { label: string; keep: string; done: (name: string) => string }> = {
  cordon: { label: 'Cordon', keep: 'Go back', done: (name) => `${name} is cordoned` },
  drain: { label: 'Drain', keep: 'Go back', done: (name) => `${name} is draining` },
  uncordon: { label: 'Uncordon', keep: 'Go back', done: (name) => `${name} takes awards again` },
};
const CORDON = 'It takes no new awards from the next round on, and the pool has that much less to sell. What runs there stays.';
const BACK = 'It takes awards again from the next round on.';

/** What becomes of what runs there. */
function movesOf(node: FullNode): string {
  const there = workloadsOf(node).length;
  const all = workloadCount(there);
  if (there === 0) return 'Nothing runs there now.';
  if (hasAgent(node)) return `${all} there ${there === 1 ? 'was' : 'were'} adopted, and ${there === 1 ? 'stays' : 'stay'} until somebody stops ${there === 1 ? 'it' : 'them'}.`;
  return `${all} there ${there === 1 ? 'moves to another node' : 'move to other nodes'} of ${node.pool}, after a shadow run. What cannot move is named with its reason.`;
}

function textOf(act: Act, node: FullNode): string {
  if (act === 'cordon') return CORDON;
  if (act === 'uncordon') return isDraining(node) ? `The drain ends: what still runs there stays. ${BACK}` : BACK;
  return `It takes no new awards. ${movesOf(node)} Uncordon ends the drain.`;
}

/** The question about a node, with the node of the moment in which the button was pressed. */
export interface Asked { node: FullNode; act: Act }

export function NodeButtons({ node, ask }: { node: FullNode; ask: (asked: Asked) => void }) {
  return (
    <span className="row g4 justify-end">
      {actsOf(node.state).map((act) => <Button key={act} size="sm" aria-label={`${WORDS[act].label} ${node.name}`} onClick={() => ask({ node, act })}>{WORDS[act].label}…</Button>)}
    </span>
  );
}

/** The question that a button asks. It is kept beside the table: a row that is read anew must not take it away. */
export function useNodeActions(): { ask: (asked: Asked) => void; question: ReactNode } {
  const [asked, ask] = useState<Asked | null>(null);
  const write = useWrite<object, FullNode>(['/nodes', '/pools']);
  if (!asked) return { ask, question: null };
  const { node, act } = asked;
  const { label, keep, done } = WORDS[act];
  const run = () => write.mutate({ path: `/nodes/${node.id}/${act}`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: done(node.name) }),
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it was done' : 'Not done', detail: p.said }),
    onSettled: () => ask(null),
  });
  return { ask, question: <Decide open onClose={() => ask(null)} title={`${label} ${node.name}?`} text={textOf(act, node)} action={`${label} it`} keep={keep} danger={act !== 'uncordon'} busy={write.isPending} onConfirm={run} /> };
}
