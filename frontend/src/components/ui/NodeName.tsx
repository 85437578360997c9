import { useNodeName } from '@/lib/api';

/** A node as people call it; the id, which commands take, is one hover away. */
export function NodeName({ id }: { id: string }) {
  return <span title={id}>{useNodeName()(id)}</span>;
}

/** Pool and node. A node is often named after its pool: then the name alone says both. */
export function Place({ pool, node }: { pool: string; node: string }) {
  const name = useNodeName()(node);
  if (!node) return <>{pool}</>;
  return <>{!name.startsWith(pool) && <>{pool}<span className="t3"> / </span></>}<NodeName id={node} /></>;
}
