/** Two strokes across a bar or an axis that does not begin at 0. `across`: how the bar lies. */
export function AxisBreak({ x, y, size, across = false }: { x: number; y: number; size: number; across?: boolean }) {
  const half = size / 2;
  const stroke = (at: number) => (across ? `M${x + at - 3} ${y + half + 3}L${x + at + 3} ${y - half - 3}` : `M${x - half - 3} ${y + at + 3}L${x + half + 3} ${y + at - 3}`);
  return <path d={`${stroke(-2.5)}${stroke(2.5)}`} className="axis-break" fill="none" stroke="var(--surface)" strokeWidth="2" />;
}
