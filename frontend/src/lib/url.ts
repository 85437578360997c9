// Filters and selections live in the URL: a page can be linked to as it is.
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

export function useParam(name: string, initial = ''): [string, (value: string | null) => void] {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const set = useCallback((value: string | null) => {
    void navigate({
      to: '.', replace: true, resetScroll: false,
      search: ((old: Record<string, unknown>) => ({ ...old, [name]: value === null || value === initial ? undefined : value })) as never,
    });
  }, [navigate, name, initial]);
  return [search[name] === undefined ? initial : String(search[name]), set];
}
