// A heat map is a table of coloured cells, so it is its own accessible table: a number in every cell.
import { ScrollBox } from '@/components/ui';

export interface HeatRow { name: string; cells: (number | null)[] }

/** 1.0 is the reserve price; each step of 0.14 is one colour, at 2.0 the darkest. */
export const heatStep = (ratio: number) => Math.max(0, Math.min(6, Math.floor((ratio - 1) / 0.1429)));

export function Heat({ rows, heads, caption }: { rows: HeatRow[]; heads: string[]; caption: string }) {
  return (
    <div className="pad"><ScrollBox label={caption}>
      <table className="heat w-full">
        <caption className="sr-only">{caption}</caption>
        <thead><tr><td />{heads.map((h, i) => <th key={`${h}${i}`} scope="col">{h}</th>)}</tr></thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.name}>
              <th scope="row">{r.name}</th>
              {r.cells.map((c, i) => c === null
                ? <td key={i} className="hatch t3"><span aria-label="no price">–</span></td>
                : <td key={i} style={{ background: `var(--h${heatStep(c)})`, color: heatStep(c) >= 5 ? 'var(--on-h-hi)' : 'var(--on-h-lo)' }}>{c.toFixed(1)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox></div>
  );
}
