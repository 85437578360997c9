import { Badge } from '@/components/ui';
import { agoText } from '@/lib/ago';
import type { FullNode } from '@/lib/api';
import { agentLook, driverText, hostText } from '@/lib/nodes';

const ICONS = { ok: 'check', warn: 'warn', bad: 'cross' } as const;

/** On a phone, where its column is not shown: that an agent is not well. */
export function AgentMark({ node }: { node: FullNode }) {
  const look = agentLook(node);
  if (!look?.mark) return null;
  return <span className="phone-show py-1"><Badge tone={look.tone} icon={ICONS[look.tone]}><span className="sr-only">Agent: </span>{look.mark}</Badge></span>;
}

/** Whether the agent of a node is heard, what it limits, and what to do about one that is not well. */
export function AgentCell({ node }: { node: FullNode }) {
  const look = agentLook(node);
  if (!look) return <span className="t3">none, this server does it</span>;
  const { agent } = node;
  const services = agent?.services ?? [];
  const facts = agent && [driverText(agent.driver), `version ${agent.version}`, !agent.is_silent && `heard ${agoText(agent.silent_seconds)}`].filter(Boolean).join(', ');
  return (
    <span className="block py-1 whitespace-normal min-w-[200px]">
      <Badge tone={look.tone} icon={ICONS[look.tone]}>{look.word}</Badge>{facts && <span className="t3"> {facts}</span>}
      {services.length > 0 && <span className="block t2">Runs copies of {services.join(', ')}</span>}
      {agent?.host && !agent.is_silent && <span className="block t2">{hostText(agent.host)}</span>}
      {look.note && <span className="block t2">{look.note}</span>}
    </span>
  );
}
