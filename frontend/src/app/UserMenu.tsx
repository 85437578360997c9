import * as Popover from '@radix-ui/react-popover';
import { useNavigate } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { Button } from '@/components/ui/Button';
import { Segmented } from '@/components/ui/Segmented';
import { announce, call, setCsrf, useMe } from '@/lib/api';
import { applyTheme, theme, THEMES } from '@/lib/theme';
import { ZONES, zone } from '@/lib/time';
import { forget } from './identity';
import { Memberships } from './Memberships';

const initials = (name: string) => name.split(/\s+/).map((w) => w[0]).slice(0, 2).join('').toUpperCase();

export default function UserMenu() {
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const chosen = theme.use();
  const shownZone = zone.use();
  const signOut = async () => {
    await call('POST', '/auth/logout').catch(() => undefined);
    setCsrf(null);
    forget();
    announce();
    client.clear();
    void navigate({ to: '/login' });
  };
  if (!me) return null;
  return (
    <Popover.Root>
      <Popover.Trigger className="av border-0" aria-label={`${initials(me.user.name)}: ${me.user.name}, account`}>{initials(me.user.name)}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover col g12" align="end" sideOffset={6} aria-label="Account">
          <div><b className="m">{me.user.name}</b><div className="s11 t3">{me.user.email}, {me.role} at {me.participant.name}</div></div>
          <Memberships me={me} />
          <Segmented label="Theme" value={chosen} options={THEMES} onChange={applyTheme} />
          <Segmented label="Time zone" value={shownZone} options={ZONES} onChange={zone.set} />
          <Button icon="out" onClick={() => void signOut()}>Sign out</Button>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
