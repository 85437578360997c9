// Keyboard: single keys and two-key sequences ("g m"). Never while typing, never with a modifier
// unless the binding names it ("mod+k" is ⌘K or Ctrl+K).
import { useEffect, useRef } from 'react';

export type Bindings = Record<string, () => void>;
const SEQUENCE_MS = 900;

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function useKeys(bindings: Bindings, enabled = true) {
  const current = useRef(bindings);
  useEffect(() => { current.current = bindings; });
  useEffect(() => {
    if (!enabled) return;
    let first = '';
    let at = 0;
    const onKey = (e: KeyboardEvent) => {
      const mod = e.metaKey || e.ctrlKey;
      const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
      const run = current.current[mod ? `mod+${key}` : key];
      if (mod) {
        if (run) { e.preventDefault(); run(); }
        return;
      }
      // Two-key sequences and single letters stay out of fields and open dialogs.
      if (e.altKey || typing(e.target) || document.querySelector('[role="dialog"]')) return;
      const pair = e.timeStamp - at < SEQUENCE_MS ? current.current[`${first} ${key}`] : undefined;
      first = key;
      at = e.timeStamp;
      const action = pair ?? run;
      if (action) { e.preventDefault(); first = ''; action(); }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [enabled]);
}

const onApple = () => /Mac|iPhone|iPad/.test(navigator.platform);
/** How the keyboard in use calls a key with its command key: ⌘K, or Ctrl K. */
export const withMod = (key: string) => (onApple() ? `⌘${key}` : `Ctrl ${key}`);
