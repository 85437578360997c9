// A page that has something which would be lost with it: links, Back and the closing of the tab ask first.
import { useBlocker } from '@tanstack/react-router';
import { useEffect } from 'react';

export interface Leaving { asked: boolean; go: () => void; stay: () => void }

/** What is shown otherwise on the same page is no leaving. */
export function useLeaving(loses: boolean): Leaving {
  // The browser asks in its own words; nothing else may stop a tab that is closed.
  useEffect(() => {
    if (!loses) return;
    const ask = (e: Event) => e.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [loses]);
  const { status, proceed, reset } = useBlocker({ shouldBlockFn: ({ current, next }) => loses && current.pathname !== next.pathname, enableBeforeUnload: false, disabled: !loses, withResolver: true });
  return { asked: status === 'blocked', go: () => proceed?.(), stay: () => reset?.() };
}
