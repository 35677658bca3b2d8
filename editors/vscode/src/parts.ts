// Parts of an edit: the text with only some of its hunks applied. Pure.

export interface Position { line: number; character: number }
export interface Hunk { range: { start: Position; end: Position }; newText: string }

/** Where each line begins; the protocol breaks lines at \n, \r\n and a lone \r. */
function lines(text: string): number[] {
  return [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
}

/** `before` with these edits, which are in order and do not overlap. */
export function applied(before: string, hunks: Hunk[]): string {
  const begins = lines(before);
  const offset = ({ line, character }: Position): number => Math.min((begins[line] ?? before.length) + character, before.length);
  let text = '';
  let at = 0;
  for (const { range, newText } of hunks) {
    text += before.slice(at, offset(range.start)) + newText;
    at = offset(range.end);
  }
  return text + before.slice(at);
}

/** A hunk in a line: the lines that go, then those that come. */
export function summary(before: string, { range: { start, end }, newText }: Hunk): string {
  const lines = before.split(/\r\n|\r|\n/).slice(start.line, end.line + 1);
  const come = (lines[0] ?? '').slice(0, start.character) + newText + (lines.at(-1) ?? '').slice(end.character);
  const short = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 80) || 'nothing';
  return `${short(lines.join(' '))} → ${short(come)}`;
}
