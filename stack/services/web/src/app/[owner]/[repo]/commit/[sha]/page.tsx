import type { ReactNode } from "react";
import { short, Title, When } from "@/components/bits";
import { Changes } from "@/components/changes";
import { Icon } from "@/components/icons";
import { RepoFrame } from "@/components/repo-frame";
import { subject } from "@/components/tree-view";
import { get, p } from "@/lib/api";
import { guarded, nothing, params } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import { isObjectId } from "@/lib/names";
import type { CommitWithFiles } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";

export default function CommitPage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const { sha = "" } = params();
    if (!isObjectId(sha)) throw nothing("There is no such commit");
    const commit = await get<CommitWithFiles>(p`/repos/${repo.owner}/${repo.name}/commits/${sha}`);
    const rest = commit.message.split("\n").slice(1).join("\n").trim();
    const changes = await Changes({ repo, base: commit.parents[0] ?? null, head: commit.id, files: commit.files, isCut: commit.truncated });
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={`${subject(commit)} · ${repo.full_name}`} />
        <section className="box commit-about">
          <h1>{subject(commit)}</h1>
          {rest && <pre className="plain-text">{rest}</pre>}
          <p className="box-note">
            <strong>{commit.author.name}</strong> <When at={commit.author.date} />
            {commit.committer.name !== commit.author.name && <> · committed by {commit.committer.name}</>}
            <span className="grow" />
            {commit.parents.map((parent) => (
              <span key={parent}>Parent <a className="mono" href={repoPath(repo.owner, repo.name, "commit", parent)}>{short(parent)}</a></span>
            ))}
            <span>Commit <span className="mono">{short(commit.id)}</span></span>
            <a className="button small" href={atRef("tree", repo.full_name, commit.id)}><Icon name="code" />Files</a>
          </p>
        </section>
        {changes}
      </RepoFrame>
    );
  });
}
