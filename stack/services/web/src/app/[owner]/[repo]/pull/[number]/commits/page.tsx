import type { ReactNode } from "react";
import { Empty, Pager } from "@/components/bits";
import { CommitList } from "@/components/commit-list";
import { loadPull, PullHead } from "@/components/pull-frame";
import { RepoFrame } from "@/components/repo-frame";
import { list, p } from "@/lib/api";
import { guarded, pageNumber } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { Commit } from "@/lib/types";
import { repoPath } from "@/lib/urls";

export default function PullCommits(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const pull = await loadPull(repo);
    const found = await list<Commit>(p`/repos/${repo.owner}/${repo.name}/pulls/${pull.number}/commits`, { page: pageNumber(), per_page: 50 });
    return (
      <RepoFrame repo={repo} tab="pulls" isSignedIn={user !== null}>
        <PullHead repo={repo} pull={pull} tab="commits" />
        {found.items.length > 0 ? <CommitList repo={repo} commits={found.items} /> : <Empty icon="history"><p>There is no commit here.</p></Empty>}
        <Pager of={found} base={repoPath(repo.owner, repo.name, "pull", pull.number, "commits")} />
      </RepoFrame>
    );
  });
}
