import type { ReactNode } from 'react';
import { Button } from './Button';
import { Dialog } from './Dialog';

export interface Item { id: string; head: ReactNode; cell: ReactNode }
interface Props { title: string; items: Item[]; onClose: () => void }

/** All columns of one row, those too that a phone has no room for. */
export default function RowSheet({ title, items, onClose }: Props) {
  return (
    <Dialog open sheet onClose={onClose} title={title}>
      <dl className="kv">{items.map((i) => <div key={i.id} className="contents"><dt>{i.head}</dt><dd className="said">{i.cell}</dd></div>)}</dl>
      <div className="row mt-2"><Button size="lg" icon="undo" onClick={onClose}>Back to the list</Button></div>
    </Dialog>
  );
}
