import type { ReactNode } from "react";
import { Changes } from "@/components/changes";
import { loadPull, PullHead } from "@/components/pull-frame";
import { RepoFrame } from "@/components/repo-frame";
import { get, p } from "@/lib/api";
import { guarded } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { Commit, Comparison, PullRequest, Repository } from "@/lib/types";

/** What a merged pull request is compared with is what the branch was before it. */
async function baseOf(at: string, pull: PullRequest): Promise<string> {
  if (pull.merge_commit === null) return pull.base;
  const merge = await get<Commit>(`${at}/commits/${pull.merge_commit}`);
  return merge.parents[0] ?? pull.base;
}

async function changesOf(repo: Repository, pull: PullRequest): Promise<ReactNode> {
  const at = p`/repos/${repo.owner}/${repo.name}`;
  const found = await get<Comparison>(`${at}/compare`, { base: await baseOf(at, pull), head: pull.head_commit });
  return Changes({ repo, base: found.merge_base ?? found.base, head: found.head, files: found.files, isCut: found.truncated });
}

export default function PullFiles(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const pull = await loadPull(repo);
    const changes = await changesOf(repo, pull);
    return (
      <RepoFrame repo={repo} tab="pulls" isSignedIn={user !== null}>
        <PullHead repo={repo} pull={pull} tab="files" />
        {changes}
      </RepoFrame>
    );
  });
}
