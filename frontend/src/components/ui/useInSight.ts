// A row that a link selects may lie far down in its box: it is brought into sight, once, and only if it is not there.
import { type RefObject, useEffect } from 'react';

/** Where to scroll the box to, so that the row is in its middle; null where it is seen as it is. */
export function placeOf(top: number, row: number, box: { at: number; height: number }): number | null {
  // Its head sticks to the top and covers a row.
  const seen = top >= box.at && top + 2 * row <= box.at + box.height;
  return seen ? null : Math.max(0, top - box.height / 2);
}

/** `index`: of the selected row; -1 while there is none. `scrollTo`: brings it into sight where it is not in the document. */
export function useInSight(box: RefObject<HTMLElement | null>, selected: string | null | undefined, index: number, rowHeight: number, scrollTo?: (index: number) => void): void {
  const there = index >= 0;
  useEffect(() => {
    const element = box.current;
    if (!element || !there) return;
    if (element.scrollHeight <= element.clientHeight) return;
    const row = element.querySelector('tr[aria-selected="true"]')?.getBoundingClientRect();
    if (!row && scrollTo) return scrollTo(index);
    const top = row ? row.top - element.getBoundingClientRect().top + element.scrollTop : index * rowHeight;
    const place = placeOf(top, row?.height ?? rowHeight, { at: element.scrollTop, height: element.clientHeight });
    if (place !== null) element.scrollTop = place;
    // Not when it is sorted anew: then somebody is looking at the table.
  }, [selected, there]);
}
