import * as Radix from '@radix-ui/react-tooltip';
import type { ReactNode } from 'react';

/** The trigger must be focusable, so that the keyboard reaches the text too. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactNode }) {
  return (
    <Radix.Provider delayDuration={300}>
      <Radix.Root>
        <Radix.Trigger asChild>{children}</Radix.Trigger>
        <Radix.Portal><Radix.Content className="tipbox" sideOffset={4}>{text}</Radix.Content></Radix.Portal>
      </Radix.Root>
    </Radix.Provider>
  );
}
