/** What differs between two commits, file by file. */

import type { ReactNode } from "react";
import { get, orNull, p } from "@/lib/api";
import { difference, type Difference } from "@/lib/diff";
import { colour } from "@/lib/highlight";
import { escapeHtml } from "@/lib/html";
import { counted } from "@/lib/time";
import type { ChangedFile, Repository, SourceFile } from "@/lib/types";
import { atRef } from "@/lib/urls";
import { Icon } from "./icons";
import { Prepared } from "./prepared";

/** Files whose lines are compared; the others are named. */
const MOST_FILES = 25;
const MOST_TEXT = 256 * 1024;
const AT_ONCE = 4;

const STATUS: Readonly<Record<string, { name: string; kind: string }>> = {
  A: { name: "Added", kind: "added" },
  D: { name: "Deleted", kind: "removed" },
  M: { name: "Changed", kind: "changed" },
  T: { name: "Type changed", kind: "changed" },
};

type Shown = { file: ChangedFile; made: Difference; html: string } | { file: ChangedFile; note: string };

async function side(repo: Repository, ref: string, path: string): Promise<SourceFile | null> {
  return orNull(get<SourceFile>(p`/repos/${repo.owner}/${repo.name}/file`, { ref, path }));
}

async function compared(repo: Repository, base: string | null, head: string, file: ChangedFile): Promise<Shown> {
  if ([file.mode, file.old_mode].includes("160000")) return { file, note: "A submodule" };
  const [before, after] = await Promise.all([
    file.status === "A" || base === null ? null : side(repo, base, file.path),
    file.status === "D" ? null : side(repo, head, file.path),
  ]);
  if (before?.binary || after?.binary) return { file, note: "This file is not text" };
  if ([before, after].some((one) => one && (one.truncated || one.size > MOST_TEXT))) {
    return { file, note: "This file is too large to be compared here" };
  }
  const made = difference(before?.content ?? "", after?.content ?? "");
  if (!made) return { file, note: "There is too much that differs to be shown" };
  if (made.hunks.length === 0) return { file, note: "Its text is the same" };
  return { file, made, html: htmlOf(made, before, after) };
}

function htmlOf({ hunks }: Difference, before: SourceFile | null, after: SourceFile | null): string {
  const old = before ? colour(before.content, before.language, before.id).lines : [];
  const now = after ? colour(after.content, after.language, after.id).lines : [];
  const rows = hunks.map(({ head, lines }) => {
    const inside = lines.map((line) => {
      const html = (line.after === null ? old[(line.before ?? 0) - 1] : now[line.after - 1]) ?? escapeHtml(line.text);
      const sign = line.kind === "added" ? "+" : line.kind === "removed" ? "-" : " ";
      return `<tr class="${line.kind}"><td data-n="${line.before ?? ""}"></td><td data-n="${line.after ?? ""}"></td><td data-sign="${sign}">${html}</td></tr>`;
    });
    return `<tr class="hunk"><td colspan="3">${escapeHtml(head)}</td></tr>${inside.join("")}`;
  });
  return `<table>${rows.join("")}</table>`;
}

async function inTurn<In, Out>(all: readonly In[], make: (one: In) => Promise<Out>): Promise<Out[]> {
  const made: Out[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE) {
    made.push(...(await Promise.all(all.slice(from, from + AT_ONCE).map(make))));
  }
  return made;
}

/** All changes between two commits; `base` is null for the first commit. */
export async function Changes({ repo, base, head, files, isCut = false }: {
  repo: Repository;
  base: string | null;
  head: string;
  files: readonly ChangedFile[];
  isCut?: boolean;
}): Promise<ReactNode> {
  const shown = await inTurn(files.slice(0, MOST_FILES), (file) => compared(repo, base, head, file));
  const sums = shown.reduce((sum, one) => ("made" in one ? { added: sum.added + one.made.added, removed: sum.removed + one.made.removed } : sum), { added: 0, removed: 0 });
  return (
    <>
      <p className="change-sums">
        {counted(files.length, "file")}{isCut && " and more"} changed{" "}
        <span className="plus">+{sums.added}</span> <span className="minus">−{sums.removed}</span>
      </p>
      {shown.map((one) => (
        <section key={one.file.path} className="box change" aria-label={one.file.path}>
          <details open>
          <summary className="box-head">
            <span className={`change-kind ${STATUS[one.file.status]?.kind ?? "changed"}`}>{STATUS[one.file.status]?.name ?? "Changed"}</span>
            <span className="mono">{one.file.path}</span>
            <span className="grow" />
            {"made" in one && <span className="change-sums"><span className="plus">+{one.made.added}</span> <span className="minus">−{one.made.removed}</span></span>}
          </summary>
          {"made" in one ? <Prepared html={one.html} className="diff" /> : <p className="box-note">{one.note}.</p>}
          </details>
          {one.file.status !== "D" && (
            <a className="button small" href={atRef("blob", repo.full_name, head, one.file.path)} title="The file after this change"><Icon name="file" />View</a>
          )}
        </section>
      ))}
      {files.length > shown.length && (
        <section className="box">
          <p className="box-head">{counted(files.length - shown.length, "more file", "more files")}</p>
          <ul className="more-files">
            {files.slice(shown.length).map((file) => (
              <li key={file.path}>
                <span className={`change-kind ${STATUS[file.status]?.kind ?? "changed"}`}>{STATUS[file.status]?.name ?? "Changed"}</span>
                {file.status === "D" ? <span className="mono">{file.path}</span> : <a className="mono" href={atRef("blob", repo.full_name, head, file.path)}>{file.path}</a>}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
