import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { RepoFrame } from "@/components/repo-frame";
import { narrowed, WorkList } from "@/components/work-list";
import { list, p } from "@/lib/api";
import { guarded, pageNumber, search } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { PullRequest } from "@/lib/types";

const STATES = ["open", "merged", "closed", "all"];

export default function PullRequests(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const by = narrowed(search(), STATES);
    const found = await list<PullRequest>(p`/repos/${repo.owner}/${repo.name}/pulls`, {
      state: by.state,
      label: by.label || undefined,
      author: by.author || undefined,
      page: pageNumber(),
      per_page: 30,
    });
    return (
      <RepoFrame repo={repo} tab="pulls" isSignedIn={user !== null}>
        <Title of={`Pull requests · ${repo.full_name}`} />
        <h1 className="hidden">Pull requests</h1>
        <WorkList repo={repo} of={found} kind="pulls" by={by} states={STATES} />
      </RepoFrame>
    );
  });
}
