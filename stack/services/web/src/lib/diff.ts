/** What changed between two texts, in hunks with a few lines around each. */

import { structuredPatch } from "diff";

const AROUND = 3;
/** Texts that differ more than this are not compared line by line: that takes time that grows with the square. */
const MOST_EDITS = 1_500;

export interface DiffLine {
  kind: "same" | "added" | "removed";
  before: number | null;
  after: number | null;
  text: string;
}

export interface Hunk {
  head: string;
  lines: DiffLine[];
}

export interface Difference {
  hunks: Hunk[];
  added: number;
  removed: number;
}

/** Null when the texts differ too much. */
export function difference(before: string, after: string): Difference | null {
  const patch = structuredPatch("", "", before, after, "", "", { context: AROUND, maxEditLength: MOST_EDITS });
  if (!patch) return null;
  const hunks = patch.hunks.map((hunk) => {
    let old = hunk.oldStart;
    let now = hunk.newStart;
    const lines: DiffLine[] = [];
    for (const line of hunk.lines) {
      const text = line.slice(1).replace(/\r$/, "");
      if (line.startsWith("+")) lines.push({ kind: "added", before: null, after: now++, text });
      else if (line.startsWith("-")) lines.push({ kind: "removed", before: old++, after: null, text });
      else if (line.startsWith(" ")) lines.push({ kind: "same", before: old++, after: now++, text });
    }
    return { head: `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`, lines };
  });
  const all = hunks.flatMap((hunk) => hunk.lines);
  return {
    hunks,
    added: all.filter((line) => line.kind === "added").length,
    removed: all.filter((line) => line.kind === "removed").length,
  };
}
