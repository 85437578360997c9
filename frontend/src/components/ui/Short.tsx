/** Names that others have chosen may be long: cut where a column would burst, whole on hover. */
export function Short({ text, most = '240px', title = text }: { text: string; /** As wide as this at most, as CSS says it. */ most?: string; title?: string }) {
  return <span className="trunc block" style={{ maxWidth: most }} title={title}>{text}</span>;
}
