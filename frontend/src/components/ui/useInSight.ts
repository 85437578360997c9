// A row that a link selects may lie far down in its box: it is brought into sight, once, and only if it is not there.
import { type RefObject, useEffect } from 'react';

/** Where to scroll the box to, so that the row is in its middle; null where it is seen as it is. */
export function placeOf(top: number, row: number, box: { at: number; height: number }): number | null {
  // Its head sticks to the top and covers a row.
  const seen = top >= box.at && top + 2 * row <= box.at + box.height;
  return seen ? null : Math.max(0, top - box.height / 2);
}

/** `index`: of the selected row; -1 while there is none. */
export function useInSight(box: RefObject<HTMLElement | null>, selected: string | null | undefined, index: number, rowHeight: number): void {
  const there = index >= 0;
  useEffect(() => {
    const element = box.current;
    if (!element || !there) return;
    const place = placeOf(index * rowHeight, rowHeight, { at: element.scrollTop, height: element.clientHeight });
    if (place !== null && element.scrollHeight > element.clientHeight) element.scrollTop = place;
    // Not when it is sorted anew: then somebody is looking at the table.
  }, [selected, there]);
}
