import * as Radix from '@radix-ui/react-dialog';
import { type ReactNode, useRef } from 'react';
import { Icon } from './Icon';

interface Props { open: boolean; onClose: () => void; title: string; text?: ReactNode; wide?: boolean; bare?: boolean; /** From the lower edge of a phone, as wide as it. */ sheet?: boolean; children: ReactNode }

/** Traps and returns focus, closes on Esc; `bare` hides the title row but not the name. */
export function Dialog({ open, onClose, title, text, wide, bare, sheet, children }: Props) {
  // There is no trigger inside: whoever had the focus gets it back, unless it has gone with what was done.
  const opener = useRef<Element | null>(null);
  const giveBack = (event: Event) => {
    event.preventDefault();
    if (opener.current instanceof HTMLElement && opener.current.isConnected) opener.current.focus();
  };
  return (
    <Radix.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="veil" />
        <Radix.Content className={`dialog ${wide ? 'wide' : ''} ${sheet ? 'sheet' : ''}`} aria-describedby={undefined} onOpenAutoFocus={() => { opener.current = document.activeElement; }} onCloseAutoFocus={giveBack}>
          <div className={bare ? 'sr-only' : 'row mb-2'}>
            <Radix.Title className="text-15 font-semibold">{title}</Radix.Title>
            <span className="sp" />
            {!bare && <Radix.Close className="linkish t3" aria-label="Close"><Icon name="cross" size={14} /></Radix.Close>}
          </div>
          {text && <p className="t2 s12 mb-3">{text}</p>}
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
