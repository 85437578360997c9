// Theme: light, dark or what the system says. public/theme.js sets it before the first paint.
import { useSyncExternalStore } from 'react';
import { kept } from './store';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
export const theme = kept<Theme>('theme', THEMES, 'system');

export function applyTheme(next: Theme) {
  theme.set(next);
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

const dark = () => window.matchMedia?.('(prefers-color-scheme: dark)');
const effective = () => document.documentElement.dataset.theme ?? (dark()?.matches ? 'dark' : 'light');

function subscribe(listener: () => void) {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  dark()?.addEventListener('change', listener);
  return () => { observer.disconnect(); dark()?.removeEventListener('change', listener); };
}

/** Changes when colours change: canvas charts read the variables again. */
export const useEffectiveTheme = () => useSyncExternalStore(subscribe, effective);
export const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
