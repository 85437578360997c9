import type { ReactNode } from 'react';
import { useLeaving } from '@/lib/leaving';
import { Decide } from './Decide';

/** Asks before a page is left that shows something for the only time. */
export function Leaving({ loses, what, text }: { loses: boolean; what: string; text: ReactNode }) {
  const { asked, go, stay } = useLeaving(loses);
  return asked ? <Decide open onClose={stay} title={`Leave without ${what}?`} text={text} action="Leave, and lose it" keep="Stay" danger onConfirm={go} /> : null;
}
