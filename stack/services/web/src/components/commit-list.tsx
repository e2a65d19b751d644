import type { ReactNode } from "react";
import { day } from "@/lib/time";
import type { Commit, Repository } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";
import { short, When } from "./bits";
import { Icon } from "./icons";
import { subject } from "./tree-view";

/** Commits under the days they were made on. */
export function CommitList({ repo, commits, path = "" }: { repo: Repository; commits: readonly Commit[]; path?: string }): ReactNode {
  const days = new Map<string, Commit[]>();
  for (const commit of commits) {
    const when = day(new Date(commit.committer.date));
    days.set(when, [...(days.get(when) ?? []), commit]);
  }
  return [...days].map(([when, those]) => (
    <section key={when} className="commit-day">
      <h2>{when}</h2>
      <ul className="box commits">
        {those.map((commit) => (
          <li key={commit.id}>
            <div className="what">
              <a className="subject" href={repoPath(repo.owner, repo.name, "commit", commit.id)}>{subject(commit)}</a>
              <p className="muted">{commit.author.name} · <When at={commit.author.date} /></p>
            </div>
            <a className="mono id" href={repoPath(repo.owner, repo.name, "commit", commit.id)}>{short(commit.id)}</a>
            <a className="button small" href={atRef(path ? "blob" : "tree", repo.full_name, commit.id, path)} title="The files at this commit">
              <Icon name="code" /><span className="hidden">The files at this commit</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  ));
}
