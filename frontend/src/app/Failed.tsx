import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Button } from '@/components/ui/Button';
import { Empty, Fault } from '@/components/ui/states';
import { asProblem } from '@/lib/api';
import { NotLoaded } from '@/lib/lazyPart';
import { useBack } from '@/lib/live';

/** Its code did not come: the server is away, or has another version by now. The second only a reload helps, which is left to people. */
function CodeMissing({ error, reset }: { error: NotLoaded; reset?: () => void }) {
  const again = () => { error.tryAgain(); reset?.(); };
  useBack(() => { if (!error.answered) again(); });
  const reload = <Button kind={error.answered ? 'primary' : undefined} onClick={() => location.reload()}>Reload</Button>;
  const text = error.answered
    ? { fact: 'This page can’t be loaded: the server has another version of it than this tab.', hint: 'Reloading brings that one; what is typed in this tab and not sent is lost with it.', action: reload }
    : { fact: 'This page can’t be loaded: is the server reachable?', hint: 'Nothing is lost by waiting. Orders that were accepted stay in force; the market does not need this page.', action: <Button kind="primary" onClick={again}>Try again</Button> };
  return (
    <div className="pt-4"><h1 className="sr-only">This page could not be loaded</h1>
      <div className="panel" role="alert"><Empty {...text} /></div>
    </div>
  );
}

/** A page that threw: the rest of the application stays. */
export function Failed({ error, reset }: { error: unknown; reset?: () => void }) {
  if (error instanceof NotLoaded) return <CodeMissing error={error} reset={reset} />;
  return <div className="pt-4"><h1 className="sr-only">This page failed</h1><div className="panel"><Fault problem={asProblem(error)} onRetry={reset ?? (() => location.reload())} /></div></div>;
}

/** An address that no page has, in the frame of all pages. */
export function Missing() {
  useEffect(() => { document.title = 'Not found · Headroom'; }, []);
  return (
    <div className="pt-4">
      <div className="panel"><h1 className="sr-only">Not found</h1>
        <Empty fact="There is no page at this address." hint="Things of other participants answer like this too." action={<Link className="btn p" to="/">Go to the market</Link>} />
      </div>
    </div>
  );
}
