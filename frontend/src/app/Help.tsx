import { Dialog } from '@/components/ui/Dialog';
import { useMe } from '@/lib/api';
import { keyHelp } from './keys';

const WORDS: [string, string][] = [
  ['Slot', 'The time for which capacity is delivered; one price a slot.'],
  ['Round', 'Gate open, gate close, clearing. Every round clears every slot that is still open.'],
  ['Limit', 'The most you pay: per slot in the ticket and the lists here, for all slots of the order together in the API. You pay the clearing price, never more.'],
  ['Reserve price', 'From where the operator offers its own capacity. An offer, not a filter.'],
  ['Premium', 'What a full node costs beyond its pool’s price. Where room is left there is none.'],
  ['Price band', 'Three times the usual price. A round whose price would be over it awards nothing there; the next one decides without.'],
  ['Shadow run', 'The workload runs on the target with mirrored inputs before anything moves.'],
  ['Certificate', 'The proof of a round, checked without the solver in exact arithmetic.'],
];

export default function Help({ onClose }: { onClose: () => void }) {
  const me = useMe();
  return (
    <Dialog open onClose={onClose} title="Keys and words" wide>
      <div className="halves">
        <dl className="kv">{keyHelp(me).map(([keys, what]) => [<dt key={`${keys}t`}>{what}</dt>, <dd key={`${keys}d`}><span className="kbd">{keys}</span></dd>])}</dl>
        <dl className="s12 col g6">{WORDS.map(([w, what]) => <div key={w}><dt className="m">{w}</dt><dd className="t2">{what}</dd></div>)}</dl>
      </div>
    </Dialog>
  );
}
