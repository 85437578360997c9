import { type CSSProperties, type ReactNode, type RefObject, useEffect, useRef, useState } from 'react';

/** Whether something of the box lies to the right of what is seen. */
function useMore(ref: RefObject<HTMLElement | null>): boolean {
  const [more, setMore] = useState(false);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const look = () => setMore(box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
    look();
    box.addEventListener('scroll', look, { passive: true });
    const observer = new ResizeObserver(look);
    for (const element of [box, ...box.children]) observer.observe(element);
    return () => { box.removeEventListener('scroll', look); observer.disconnect(); };
  }, [ref]);
  return more;
}

interface Props { label: string; boxRef?: RefObject<HTMLDivElement | null>; maxHeight?: CSSProperties['maxHeight']; children: ReactNode }

/** Scrolls what is too wide or too long for it; while columns are out of sight it says so. */
export function ScrollBox({ label, boxRef, maxHeight, children }: Props) {
  const own = useRef<HTMLDivElement>(null);
  const ref = boxRef ?? own;
  const more = useMore(ref);
  return (
    <>
      <div className={more ? 'more' : undefined}>
        <div ref={ref} className="scroll" role="region" aria-label={label} tabIndex={0} style={{ maxHeight }}>{children}</div>
      </div>
      {more && <div className="s11 t3 px-3 py-1 border-t border-border r">More columns to the right <span aria-hidden="true">→</span></div>}
    </>
  );
}
