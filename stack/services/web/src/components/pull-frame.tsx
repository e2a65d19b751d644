/** What stands above all pages of a pull request. */

import type { ReactNode } from "react";
import { get, p } from "@/lib/api";
import { nothing, params } from "@/lib/guard";
import { positive } from "@/lib/names";
import type { PullRequest, Repository } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";
import { Labels, Person, StateBadge, Title, When } from "./bits";

export async function loadPull(repo: Repository): Promise<PullRequest> {
  const number = positive(params().number ?? "");
  if (number === null) throw nothing("There is no such pull request");
  return get<PullRequest>(p`/repos/${repo.owner}/${repo.name}/pulls/${number}`);
}

const TABS = [
  ["", "Conversation"],
  ["commits", "Commits"],
  ["files", "Files"],
] as const;

export function PullHead({ repo, pull, tab }: { repo: Repository; pull: PullRequest; tab: "" | "commits" | "files" }): ReactNode {
  return (
    <header className="work-head">
      <Title of={`${pull.title} · #${pull.number} · ${repo.full_name}`} />
      <h1>{pull.title} <span className="muted">#{pull.number}</span></h1>
      <p>
        <StateBadge state={pull.state} isPull />
        <span className="muted">
          <Person name={pull.author} /> {pull.state === "open" ? "wants to merge" : "proposed to merge"} <a className="ref-name" href={atRef("tree", repo.full_name, pull.head)}>{pull.head}</a> into{" "}
          <a className="ref-name" href={atRef("tree", repo.full_name, pull.base)}>{pull.base}</a> · <When at={pull.created_at} />
        </span>
        <Labels names={pull.labels} />
      </p>
      <nav className="pills" aria-label="Pull request">
        {TABS.map(([path, name]) => (
          <a key={path} href={repoPath(repo.owner, repo.name, "pull", pull.number, path)} aria-current={path === tab ? "page" : undefined}>{name}</a>
        ))}
      </nav>
    </header>
  );
}
