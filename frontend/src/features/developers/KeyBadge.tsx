import { Badge } from '@/components/ui';
import type { KeyState } from './key';

const WORDS: Record<KeyState, string> = { works: 'Works', expired: 'Expired', revoked: 'Revoked' };

export const stateWord = (state: KeyState) => WORDS[state];

export function KeyBadge({ state }: { state: KeyState }) {
  return <Badge tone={state === 'works' ? 'ok' : ''} icon={state === 'works' ? 'check' : state === 'expired' ? 'clock' : 'cross'}>{WORDS[state]}</Badge>;
}
