import { Link } from '@tanstack/react-router';

/** What is test and what is real about a demo market, on every page. */
export function DemoStrip({ text }: { text?: string | null }) {
  return (
    <aside className="demo hatch" aria-label="Demo">
      <span className="live">DEMO</span>
      <p>{(text || 'Own ledger, play credits. Demand comes from a recorded trace, one step a slot.').replace(/^DEMO:\s*/, '')}</p>
      <span className="sp" />
      <Link to="/about" className="live">Sources and licences</Link>
    </aside>
  );
}
