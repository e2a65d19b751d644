/** What stands above all pages of a repository. */

import type { ReactNode } from "react";
import { may } from "@/lib/load";
import { count } from "@/lib/time";
import type { Repository } from "@/lib/types";
import { repoPath } from "@/lib/urls";
import { sent } from "./form";
import { Icon, type IconName } from "./icons";
import { sentence } from "./trouble";

export type RepoTab = "code" | "issues" | "pulls" | "releases" | "jobs" | "wiki" | "settings";

const TABS: ReadonlyArray<{ tab: RepoTab; name: string; icon: IconName; path: string }> = [
  { tab: "code", name: "Code", icon: "code", path: "" },
  { tab: "issues", name: "Issues", icon: "issue", path: "issues" },
  { tab: "pulls", name: "Pull requests", icon: "pull", path: "pulls" },
  { tab: "releases", name: "Releases", icon: "tag", path: "releases" },
  { tab: "jobs", name: "Jobs", icon: "play", path: "jobs" },
  { tab: "wiki", name: "Wiki", icon: "wiki", path: "wiki" },
  { tab: "settings", name: "Settings", icon: "settings", path: "settings" },
];

export function RepoFrame({ repo, tab, isSignedIn, children }: {
  repo: Repository;
  tab: RepoTab;
  isSignedIn: boolean;
  children: ReactNode;
}): ReactNode {
  const shown = TABS.filter(({ tab: other }) =>
    other === "settings" ? may(repo, "admin") : other === "jobs" ? may(repo, "write") : true,
  );
  return (
    <>
      <header className="repo-head">
        <p className="repo-name">
          <Icon name={repo.private ? "lock" : "book"} />
          <a href={`/${encodeURIComponent(repo.owner)}`}>{repo.owner}</a>
          <span aria-hidden="true">/</span>
          <a href={repoPath(repo.owner, repo.name)}><strong>{repo.name}</strong></a>
          <span className="badge">{repo.private ? "Private" : "Public"}</span>
          {repo.fork && <span className="badge">Fork</span>}
          {repo.archived && <span className="badge">Archived</span>}
        </p>
        <Star repo={repo} isSignedIn={isSignedIn} />
      </header>
      <nav className="tabs" aria-label="Repository">
        {shown.map(({ tab: other, name, icon, path }) => (
          <a key={other} href={repoPath(repo.owner, repo.name, path)} aria-current={other === tab ? "page" : undefined}>
            <Icon name={icon} />
            {name}
          </a>
        ))}
      </nav>
      {children}
    </>
  );
}

function Star({ repo, isSignedIn }: { repo: Repository; isSignedIn: boolean }): ReactNode {
  const inside = (
    <>
      <Icon name="star" />
      {repo.starred ? "Starred" : "Star"}
      <span className="number">{count(repo.stars)}</span>
    </>
  );
  if (!isSignedIn) {
    return <a className="button small" href={`/login?next=${encodeURIComponent(repoPath(repo.owner, repo.name))}`}>{inside}</a>;
  }
  const action = repo.starred ? "unstar" : "star";
  const problem = sent(action);
  return (
    <form method="post" action={repoPath(repo.owner, repo.name)}>
      {problem && <span className="error" role="alert">{sentence(problem.message)} </span>}
      <input type="hidden" name="action" value={action} />
      <button className={repo.starred ? "button small chosen" : "button small"}>{inside}</button>
    </form>
  );
}
