import type { MouseEvent } from 'react';
import { Icon, toast } from '@/components/ui';
import { asProblem, problemOf, url } from '@/lib/api';
import { download } from '@/lib/csv';

interface Props { path: string; query: Record<string, string | undefined>; name: string; /** Of which time it is. */ period?: { from: string; to: string }; text: string }

/** "2026-11-24-1605", UTC: two files of one page are told apart by their names, and lie in order. */
const stamp = (at: string): string => at.slice(0, 16).replace('T', '-').replace(':', '');
export const nameOf = (name: string, period?: Props['period']): string => (period ? `${name}-${stamp(period.from)}-to-${stamp(period.to)}.csv` : `${name}.csv`);

/** A link, so that it can be opened elsewhere; a click saves it under a name that the server does not know. */
export function CsvFile({ path, query, name, period, text }: Props) {
  const save = async (e: MouseEvent) => {
    e.preventDefault();
    try {
      const answer = await fetch(url(path, query), { credentials: 'same-origin' });
      if (!answer.ok) throw await problemOf(answer);
      download(nameOf(name, period), await answer.text());
    } catch (error) {
      toast({ tone: 'bad', title: 'No file', detail: asProblem(error).said });
    }
  };
  return <a className="btn" href={url(path, query)} download={nameOf(name, period)} onClick={(e) => void save(e)}><Icon name="export" size={14} />{text}</a>;
}
