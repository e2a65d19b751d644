/** Lines of a file that an address names: `#L10`, `#L10-L20`, also `#L20-L10` and `#L10-20`. */

export interface LineRange {
  from: number;
  to: number;
}

const ANCHOR = /^#?L([1-9][0-9]{0,8})(?:-L?([1-9][0-9]{0,8}))?$/;

export function parseLines(hash: string): LineRange | null {
  const found = ANCHOR.exec(hash);
  if (!found) return null;
  const one = Number(found[1]);
  const other = found[2] === undefined ? one : Number(found[2]);
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

export function formatLines(range: LineRange): string {
  return range.from === range.to ? `#L${range.from}` : `#L${range.from}-L${range.to}`;
}

/** The range after a click on a line; with shift it reaches from the anchor, where the last plain click was. */
export function select(anchor: number | null, line: number, extend: boolean): LineRange {
  if (!extend || anchor === null) return { from: line, to: line };
  return { from: Math.min(anchor, line), to: Math.max(anchor, line) };
}

/** The part of a range that a file of so many lines has; null if none. */
export function within(range: LineRange, count: number): LineRange | null {
  return range.from > count ? null : { from: range.from, to: Math.min(range.to, count) };
}
