// Whether the screen is a phone's: for what is another element there, not the same one laid out in another way.
import { useSyncExternalStore } from 'react';

/** As the style sheets have it. */
const PHONE = '(max-width:639px)';
/** Tests have no media; they see what a desk shows unless they say otherwise. */
const query = () => globalThis.matchMedia?.(PHONE);

function subscribe(changed: () => void) {
  const media = query();
  media?.addEventListener('change', changed);
  return () => media?.removeEventListener('change', changed);
}
export const usePhone = (): boolean => useSyncExternalStore(subscribe, () => query()?.matches ?? false);
