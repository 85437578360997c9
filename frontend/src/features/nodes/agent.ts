// How a host becomes a node with an agent: what is sent, and what is typed there.

export interface Asked { server: string; name: string; pool: string }

/** A word of a shell as it is, or in quotes. */
const quoted = (text: string): string => (/^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);
/** Something to begin with, where nothing is typed. */
const NAME = 'host-1';
const POOL = 'POOL';
const nameOf = ({ name }: Asked) => name.trim() || NAME;

/** An admin makes the node; its capacity is an example. */
export function nodeCommand(asked: Asked): string {
  const body = JSON.stringify({ name: nameOf(asked), pool: asked.pool || POOL, capacity: { cpu_milli: 8000 }, properties: { agent: 1 } });
  return `curl -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" ${quoted(`${asked.server}/v1/nodes`)} -d ${quoted(body)}`;
}
export const agentCommand = (asked: Asked): string => `HEADROOM_KEY=xk_… headroom work --server ${quoted(asked.server)} --node ${quoted(nameOf(asked))}`;
export const keyName = nameOf;
