import type { ReactNode } from "react";
import { Labels, Person, StateBadge, Title, When } from "@/components/bits";
import { RepoFrame } from "@/components/repo-frame";
import { commentsOf, Talk } from "@/components/talk";
import { get, orNull, p } from "@/lib/api";
import { guarded, moved, nothing, pageNumber, params } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import { positive } from "@/lib/names";
import { counted } from "@/lib/time";
import type { Issue, PullRequest } from "@/lib/types";
import { repoPath } from "@/lib/urls";

export default function IssuePage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const number = positive(params().number ?? "");
    if (number === null) throw nothing("There is no such issue");
    const at = p`/repos/${repo.owner}/${repo.name}`;
    const issue = await orNull(get<Issue>(`${at}/issues/${number}`));
    if (!issue) {
      // Issues and pull requests share their numbers.
      if (await orNull(get<PullRequest>(`${at}/pulls/${number}`))) return moved(repoPath(repo.owner, repo.name, "pull", number));
      throw nothing("There is no such issue");
    }
    const comments = await commentsOf(repo, number, pageNumber());
    return (
      <RepoFrame repo={repo} tab="issues" isSignedIn={user !== null}>
        <Title of={`${issue.title} · #${number} · ${repo.full_name}`} />
        <header className="work-head">
          <h1>{issue.title} <span className="muted">#{number}</span></h1>
          <p>
            <StateBadge state={issue.state} isPull={false} />
            <span className="muted"><Person name={issue.author} /> opened this <When at={issue.created_at} /> · {counted(issue.comments, "comment")}</span>
            <Labels names={issue.labels} />
          </p>
        </header>
        <Talk repo={repo} number={number} kind="issues" state={issue.state} author={issue.author} user={user} comments={comments}
          body={{ author: issue.author, at: issue.created_at, text: issue.body }} />
      </RepoFrame>
    );
  });
}
