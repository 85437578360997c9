// What happens when the session becomes another's under this page: its data goes, the other's is read,
// and the page says so. After a refused write it asks first, so that what was typed is not lost.
import type { QueryClient } from '@tanstack/react-query';
import { toasts } from '@/components/ui/toast';
import { acting, actAs, actFor, get, identityOf, type Me, meQuery, watchActing } from '@/lib/api';
import { forgetDrafts } from '@/lib/edit';
import { store } from '@/lib/store';

/** `refused`: something was to be written for `from`, and was not. */
export interface Change { from: Me; to: Me; refused: boolean }
export const change = store<Change | null>(null);

const same = (a: Me | null, b: Me) => identityOf(a) === identityOf(b);
const askAgain = (client: QueryClient) => client.fetchQuery({ ...meQuery, staleTime: 0 });

/** Who it is now is still to be heard; the page waits with its question, and does not go over meanwhile. */
let asking = false;
/** Whoever was asked has said so: until then the page stays as it is, with what was typed. */
let goingOn = false;

export function watchIdentity(client: QueryClient): void {
  watchActing({
    other: (from, to) => {
      const before = change.get();
      if ((before?.refused || asking) && !goingOn) {
        if (before) change.set({ ...before, to });
        return false;
      }
      client.removeQueries({ predicate: (q) => q.queryKey[0] !== meQuery.queryKey[0] });
      client.setQueryData(meQuery.queryKey, to);
      toasts.set([]);
      forgetDrafts();
      const first = before?.from ?? from;
      change.set(same(first, to) ? null : { from: first, to, refused: false });
      return true;
    },
    refused: (from, wrote) => {
      if (!wrote) {
        if (!change.get()?.refused) void askAgain(client).catch(() => undefined);
        return;
      }
      asking = true;
      void get<Me>('/me').then((to) => { if (!same(from, to)) change.set({ from, to, refused: true }); }).catch(() => undefined).finally(() => { asking = false; });
    },
    told: () => void askAgain(client).catch(() => undefined),
  });
}

/** Shows the participant of the session from now on. */
export async function goOn(client: QueryClient): Promise<void> {
  goingOn = true;
  try {
    await askAgain(client);
  } finally {
    goingOn = false;
  }
  change.set(null);
}

/** Makes the session this page's again, for all tabs; what is typed here stays if the page had not gone over yet. */
export async function goBack(client: QueryClient, to: Me, reload = () => location.reload()): Promise<void> {
  await actFor(to.participant.id);
  if (!same(acting(), to)) return reload();
  change.set(null);
  await client.invalidateQueries();
}

/** Nobody is signed in here any more, or somebody is about to. */
export function forget(): void {
  forgetDrafts();
  actAs(null);
  change.set(null);
}
