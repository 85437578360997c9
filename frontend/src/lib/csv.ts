// CSV of the exact view: what is on screen, in its order, RFC 4180. A cell that a spreadsheet would
// run as a formula, also one in full width or after blanks, gets a leading apostrophe; numbers keep their sign.
export type Cell = string | number | bigint | boolean | null | undefined;

export function csvCell(value: Cell): string {
  if (value == null) return '';
  let text = String(value).replaceAll('\u2212', '-');
  const number = /^-?[\d,]*\.?\d+$/.test(text);
  if (number) text = text.replaceAll(',', '');
  else if (/^\s*[=+\-@＝＋－＠]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csv = (head: string[], rows: Cell[][]) =>
  [head, ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n') + '\r\n';

export function download(name: string, text: string, type = 'text/csv;charset=utf-8') {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
