/** A folder of a repository. */

import type { ReactNode } from "react";
import { get, list, orNull, p } from "@/lib/api";
import { isMarkdown, readmeOf } from "@/lib/markdown";
import { bytes, count } from "@/lib/time";
import type { Commit, Repository, SourceFile, Tree, TreeEntry } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";
import { short, When } from "./bits";
import { Icon, type IconName } from "./icons";
import { Markdown } from "./prepared";

const MOST_ENTRIES = 2_000;
const ICONS: Readonly<Record<TreeEntry["type"], IconName>> = {
  blob: "file",
  tree: "folder",
  symlink: "symlink",
  submodule: "submodule",
};

export interface Folder {
  tree: Tree;
  latest: Commit | null;
  readme: SourceFile | null;
}

/** What is in a folder, who changed it last, and the file that tells about it. */
export async function loadFolder(repo: Repository, ref: string, path: string): Promise<Folder> {
  const at = p`/repos/${repo.owner}/${repo.name}`;
  const where = { ref: ref || undefined, path: path || undefined };
  const [tree, commits] = await Promise.all([
    get<Tree>(`${at}/tree`, where),
    orNull(list<Commit>(`${at}/commits`, { ...where, per_page: 1 })),
  ]);
  const name = readmeOf(tree.entries.filter((entry) => entry.type === "blob").map((entry) => entry.name));
  const readme = name === null || tree.commit === null
    ? null
    : await orNull(get<SourceFile>(`${at}/file`, { ref: tree.commit, path: path ? `${path}/${name}` : name }));
  return { tree, latest: commits?.items[0] ?? null, readme };
}

function order(entries: readonly TreeEntry[]): TreeEntry[] {
  const isFolder = (entry: TreeEntry): number => (entry.type === "tree" || entry.type === "submodule" ? 0 : 1);
  return [...entries].sort((a, b) => isFolder(a) - isFolder(b) || (a.name < b.name ? -1 : 1));
}

export function TreeView({ repo, refName, folder, path }: {
  repo: Repository;
  refName: string;
  folder: Folder;
  path: string;
}): ReactNode {
  const { tree, latest, readme } = folder;
  const shown = order(tree.entries).slice(0, MOST_ENTRIES);
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
  return (
    <>
      <section className="box" aria-label="Files">
        {latest && <LatestCommit repo={repo} refName={refName} commit={latest} path={path} />}
        <table className="files">
          <thead className="hidden"><tr><th scope="col">Name</th><th scope="col">Size</th></tr></thead>
          <tbody>
            {path !== "" && (
              <tr><td colSpan={2}><a href={atRef("tree", repo.full_name, refName, parent)} aria-label="Folder above"><Icon name="folder" />..</a></td></tr>
            )}
            {shown.map((entry) => (
              <tr key={entry.name}>
                <td className={entry.type}>
                  {entry.type === "submodule" ? (
                    <span title={`Another repository, at ${entry.id}`}><Icon name="submodule" />{entry.name} @ {short(entry.id)}</span>
                  ) : (
                    <a href={atRef(entry.type === "tree" ? "tree" : "blob", repo.full_name, refName, entry.path)}>
                      <Icon name={ICONS[entry.type]} />
                      {entry.name}
                    </a>
                  )}
                </td>
                <td className="size">{entry.type === "blob" && entry.size !== null ? bytes(entry.size) : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {(tree.truncated || shown.length < tree.entries.length) && (
          <p className="box-note">This folder has more: {count(shown.length)} are shown. Use the search with path: to find the rest.</p>
        )}
      </section>
      {readme && !readme.binary && (
        <section className="box readme" aria-label={readme.path}>
          <p className="box-head"><Icon name="book" /><a href={atRef("blob", repo.full_name, refName, readme.path)}>{readme.path.split("/").at(-1)}</a></p>
          {isMarkdown(readme.path) ? (
            <Markdown text={readme.content} base={{ fullName: repo.full_name, ref: refName, folder: path }} />
          ) : (
            <pre className="plain-text">{readme.content}</pre>
          )}
        </section>
      )}
    </>
  );
}

export function LatestCommit({ repo, refName, commit, path }: {
  repo: Repository;
  refName: string;
  commit: Commit;
  path: string;
}): ReactNode {
  return (
    <div className="box-head latest">
      <span className="who">{commit.author.name}</span>
      <a className="subject" href={repoPath(repo.owner, repo.name, "commit", commit.id)}>{subject(commit)}</a>
      <span className="muted end">
        <a className="mono" href={repoPath(repo.owner, repo.name, "commit", commit.id)}>{short(commit.id)}</a>
        {" · "}
        <When at={commit.committer.date} />
      </span>
      <a className="history" href={atRef("commits", repo.full_name, refName, path)}><Icon name="history" />History</a>
    </div>
  );
}

export const subject = (commit: Commit): string => commit.message.split("\n", 1)[0] ?? "";
