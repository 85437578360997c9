import { Button } from '@/components/ui';
import { onlyReads, scopeText } from './key';

interface Props { all: string[]; chosen: string[]; error?: string; onChange: (scopes: string[]) => void }

/** What a key may do, of what its maker may. */
export function Scopes({ all, chosen, error, onChange }: Props) {
  const flip = (scope: string) => onChange(all.filter((s) => (s === scope) !== chosen.includes(s)));
  return (
    <fieldset className="fld">
      <legend className="lab">What it may do</legend>
      <div className="row g8 wrap">
        <Button size="sm" onClick={() => onChange(all.filter((s) => onlyReads([s])))}>Only read</Button>
        <Button size="sm" onClick={() => onChange(all)}>All that I may</Button>
      </div>
      {all.map((scope) => (
        <label key={scope} className="row g8 s12" style={{ alignItems: 'flex-start' }}>
          <input type="checkbox" checked={chosen.includes(scope)} onChange={() => flip(scope)} style={{ marginTop: 3, flexShrink: 0 }} />
          <span><span className="id">{scope}</span> <span className="t3">{scopeText(scope)}</span></span>
        </label>
      ))}
      {(error || chosen.length === 0) && <span className="help bad">{error ?? 'A key that may do nothing is of no use: choose one at least'}</span>}
    </fieldset>
  );
}
