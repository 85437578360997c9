// A state as icon + word; the colour only repeats it.
import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

export type Tone = 'ok' | 'warn' | 'bad' | 'acc' | 'line' | 'fc' | '';
export function Badge({ tone = '', icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`bdg ${tone}`}>
      {icon && <Icon name={icon} size={12} stroke={1.8} />}
      {children}
    </span>
  );
}

interface Look { tone: Tone; icon: IconName; word: string }
const STATES: Record<string, Look> = {
  pending: { tone: 'line', icon: 'circle', word: 'Pending' },
  open: { tone: 'line', icon: 'circle', word: 'Open' },
  partially_filled: { tone: 'acc', icon: 'half', word: 'Partly filled' },
  filled: { tone: 'ok', icon: 'check', word: 'Filled' },
  canceled: { tone: '', icon: 'dash', word: 'Cancelled' },
  expired: { tone: '', icon: 'clock', word: 'Expired' },
  rejected: { tone: 'bad', icon: 'cross', word: 'Refused' },
  replaced: { tone: '', icon: 'dash', word: 'Replaced' },
  pending_cancel: { tone: 'acc', icon: 'clock', word: 'Cancelling' },
  pending_replace: { tone: 'acc', icon: 'clock', word: 'Changing' },
  awaiting_approval: { tone: 'acc', icon: 'clock', word: 'Waits for approval' },
  done: { tone: 'ok', icon: 'check', word: 'Done' },
  infeasible: { tone: 'warn', icon: 'cross', word: 'Not possible' },
  aborted: { tone: 'bad', icon: 'cross', word: 'Refused by the shadow run' },
  rolled_back: { tone: 'warn', icon: 'undo', word: 'Rolled back' },
  failed: { tone: 'bad', icon: 'warn', word: 'Failed, needs a person' },
  sealed: { tone: 'acc', icon: 'lock', word: 'Sealed' },
  solved: { tone: 'acc', icon: 'half', word: 'Solved' },
  awarded: { tone: 'ok', icon: 'check', word: 'Awarded' },
  executing: { tone: 'acc', icon: 'half', word: 'Executing' },
  settled: { tone: 'ok', icon: 'check', word: 'Settled' },
  void: { tone: 'bad', icon: 'cross', word: 'Void' },
  running: { tone: 'ok', icon: 'check', word: 'Running' },
  starved: { tone: 'warn', icon: 'clock', word: 'Running, waits for CPU' },
  faulty: { tone: 'bad', icon: 'warn', word: 'Failed' },
  suspended: { tone: 'warn', icon: 'pause', word: 'Suspended' },
  stopped: { tone: '', icon: 'dash', word: 'Stopped' },
  closed: { tone: '', icon: 'lock', word: 'Closed' },
  closing: { tone: 'acc', icon: 'clock', word: 'Closing' },
};

/** Enums are open: a state this page does not know is shown by its own name. */
const lookOf = (of: string): Look => STATES[of] ?? { tone: 'line', icon: 'circle', word: of.replaceAll('_', ' ') };
/** The word of its badge, for files. */
export const stateName = (of: string): string => lookOf(of).word;

export function State({ of, word }: { of: string; word?: string }) {
  const look = lookOf(of);
  return <Badge tone={look.tone} icon={look.icon}>{word ?? look.word}</Badge>;
}
