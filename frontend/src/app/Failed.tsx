import { Link } from '@tanstack/react-router';
import { Button } from '@/components/ui/Button';
import { Empty, Fault } from '@/components/ui/states';
import { asProblem } from '@/lib/api';
import { PageNotLoaded } from './lazyPage';

/** Its code did not come: the server may be away, or have another version by now. */
function NotLoaded({ error, reset }: { error: PageNotLoaded; reset?: () => void }) {
  const again = () => { error.tryAgain(); reset?.(); };
  return (
    <div className="pt-4"><h1 className="sr-only">This page could not be loaded</h1>
      <div className="panel" role="alert">
        <Empty fact="This page could not be loaded." hint="The server can’t be reached, or has a newer version than this tab. Reloading brings the newer one; what is typed here and not sent is lost with it."
          action={<div className="row g8"><Button kind="primary" onClick={again}>Try again</Button><Button onClick={() => location.reload()}>Reload</Button></div>} />
      </div>
    </div>
  );
}

/** A page that threw: the rest of the application stays. */
export function Failed({ error, reset }: { error: unknown; reset?: () => void }) {
  if (error instanceof PageNotLoaded) return <NotLoaded error={error} reset={reset} />;
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
