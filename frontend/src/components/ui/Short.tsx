/** Names that others have chosen may be long: cut where a column would burst, whole on hover. */
export function Short({ text }: { text: string }) {
  return <span className="trunc block max-w-[240px]" title={text}>{text}</span>;
}
