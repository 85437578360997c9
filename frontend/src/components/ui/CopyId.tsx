// An id: slashed zero, middle cut, copied whole. The visible end is what people tell each other.
import { toast } from './toast';
import { Icon } from './Icon';

export function shortId(id: string): string {
  const at = id.search(/[_:]/);
  const rest = id.slice(at + 1);
  return rest.length <= 10 ? id : `${id.slice(0, at + 1)}…${rest.slice(-6)}`;
}

export function CopyId({ id, label = 'id' }: { id: string; label?: string }) {
  const copy = () => void navigator.clipboard?.writeText(id).then(
    () => toast({ tone: 'ok', title: `Copied ${shortId(id)}` }),
    () => toast({ tone: 'warn', title: 'The browser refused to copy', detail: id }),
  );
  return (
    <span className="row g4 inline-flex">
      <span className="id" title={id}>{shortId(id)}</span>
      <button type="button" className="linkish t3" onClick={(e) => { e.stopPropagation(); copy(); }} aria-label={`Copy ${label} ${shortId(id)}`}>
        <Icon name="copy" size={13} />
      </button>
    </span>
  );
}
