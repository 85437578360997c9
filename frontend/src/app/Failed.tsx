import { Link } from '@tanstack/react-router';
import { Empty, Fault } from '@/components/ui/states';
import { asProblem } from '@/lib/api';

/** A page that threw: the rest of the application stays. */
export function Failed({ error, reset }: { error: unknown; reset?: () => void }) {
  return <div className="pt-4"><h1 className="sr-only">This page failed</h1><div className="panel"><Fault problem={asProblem(error)} onRetry={reset ?? (() => location.reload())} /></div></div>;
}

export function Missing() {
  return (
    <main className="main pt-4">
      <div className="panel"><h1 className="sr-only">Not found</h1>
        <Empty fact="There is no page at this address." hint="Things of other participants answer like this too." action={<Link className="btn p" to="/">Go to the market</Link>} />
      </div>
    </main>
  );
}
