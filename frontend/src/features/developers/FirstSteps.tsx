import { Panel } from '@/components/ui';

/** The descriptions are pages of the server itself, not of this application. */
export function FirstSteps() {
  return (
    <Panel title="The API">
      <dl className="kv pad">
        <dt>Base</dt><dd className="id said">{window.location.origin}/v1</dd>
        <dt>All routes</dt><dd><a href="/docs">/docs</a></dd>
        <dt>For programs</dt><dd><a href="/openapi.json">/openapi.json</a></dd>
        <dt>A key is sent as</dt><dd className="id said">Authorization: Bearer xk_…</dd>
      </dl>
      <p className="pad s12 t3">What these pages do, a program can do with a key: place bids, register workloads, read statements, and hear of every round as it is decided.</p>
    </Panel>
  );
}
