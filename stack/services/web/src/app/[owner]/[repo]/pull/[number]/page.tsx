import type { ReactNode } from "react";
import { Person, short, When } from "@/components/bits";
import { Problem, sent } from "@/components/form";
import { Icon } from "@/components/icons";
import { loadPull, PullHead } from "@/components/pull-frame";
import { RepoFrame } from "@/components/repo-frame";
import { commentsOf, Talk } from "@/components/talk";
import { get, orNull, p } from "@/lib/api";
import { guarded, pageNumber } from "@/lib/guard";
import { may, me, repository } from "@/lib/load";
import { counted } from "@/lib/time";
import type { Comparison, PullRequest, Repository, User } from "@/lib/types";
import { repoPath } from "@/lib/urls";

export default function PullPage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const pull = await loadPull(repo);
    const at = p`/repos/${repo.owner}/${repo.name}`;
    const [comments, changes] = await Promise.all([
      commentsOf(repo, pull.number, pageNumber()),
      pull.state === "open" ? orNull(get<Comparison>(`${at}/compare`, { base: pull.base, head: pull.head_commit })) : null,
    ]);
    return (
      <RepoFrame repo={repo} tab="pulls" isSignedIn={user !== null}>
        <PullHead repo={repo} pull={pull} tab="" />
        <MergeBox repo={repo} pull={pull} changes={changes} user={user} />
        <Talk repo={repo} number={pull.number} kind="pull" state={pull.state} author={pull.author} user={user} comments={comments}
          body={{ author: pull.author, at: pull.created_at, text: pull.body }} />
      </RepoFrame>
    );
  });
}

function MergeBox({ repo, pull, changes, user }: {
  repo: Repository;
  pull: PullRequest;
  changes: Comparison | null;
  user: User | null;
}): ReactNode {
  if (pull.state === "merged") {
    return (
      <div className="merge-box merged">
        <Icon name="merged" />
        <p>
          Merged{pull.merged_by && <> by <Person name={pull.merged_by} /></>}{pull.merged_at && <> <When at={pull.merged_at} /></>}
          {pull.merge_commit && <> as <a className="mono" href={repoPath(repo.owner, repo.name, "commit", pull.merge_commit)}>{short(pull.merge_commit)}</a></>}
        </p>
      </div>
    );
  }
  if (pull.state === "closed") return <div className="merge-box closed"><Icon name="closed" /><p>Closed without a merge.</p></div>;
  const form = sent("merge");
  return (
    <div className="merge-box open">
      <Icon name="pull" />
      <div>
        <p><strong>{changes ? stateOf(changes, pull) : "The branches can't be compared"}</strong></p>
        {changes && <p className="muted">{counted(changes.ahead, "commit")} in {counted(changes.files.length, "file")}{changes.behind > 0 && <>; {pull.base} has {counted(changes.behind, "newer commit")}</>}.</p>}
        <Problem form={form} />
      </div>
      <span className="grow" />
      {user && may(repo, "write") && !repo.archived && changes && changes.ahead > 0 && (
        <form method="post" action={repoPath(repo.owner, repo.name, "pull", pull.number)}>
          <input type="hidden" name="action" value="merge" />
          <input type="hidden" name="expected_head" value={pull.head_commit} />
          <button className="button primary">Merge</button>
        </form>
      )}
    </div>
  );
}

function stateOf(changes: Comparison, pull: PullRequest): string {
  if (changes.ahead === 0) return `${pull.base} has everything that ${pull.head} has`;
  if (changes.merge_base === null) return "These branches have no history in common";
  return changes.behind === 0 ? `Up to date with ${pull.base}` : `Open; ${pull.base} has moved on`;
}
