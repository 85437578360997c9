// Filters and selections live in the URL: a page can be linked to as it is.
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

/** `push`: what is chosen is a place of its own, to which Back leads; else it is how the same place is shown. */
export function useParam(name: string, initial = '', way: 'replace' | 'push' = 'replace'): [string, (value: string | null) => void] {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const set = useCallback((value: string | null) => {
    void navigate({
      to: '.', replace: way === 'replace', resetScroll: false,
      search: ((old: Record<string, unknown>) => ({ ...old, [name]: value === null || value === initial ? undefined : value })) as never,
    });
  }, [navigate, name, initial, way]);
  return [search[name] === undefined ? initial : String(search[name]), set];
}

/** Several at once: of two that are set one after the other the first would be lost. */
export function useSetParams(): (values: Record<string, string | undefined>) => void {
  const navigate = useNavigate();
  return useCallback((values) => {
    void navigate({ to: '.', replace: true, resetScroll: false, search: ((old: Record<string, unknown>) => ({ ...old, ...values })) as never });
  }, [navigate]);
}
