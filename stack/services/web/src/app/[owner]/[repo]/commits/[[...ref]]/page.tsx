import type { ReactNode } from "react";
import { Empty, Pager, Title } from "@/components/bits";
import { CommitList } from "@/components/commit-list";
import { Crumbs, RefLink } from "@/components/places";
import { RepoFrame } from "@/components/repo-frame";
import { list, p } from "@/lib/api";
import { guarded, pageNumber, params } from "@/lib/guard";
import { me, place, repository } from "@/lib/load";
import type { Commit } from "@/lib/types";
import { atRef } from "@/lib/urls";

export default function Commits(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const { ref, path } = params().ref === undefined ? { ref: repo.default_branch, path: "" } : await place(repo);
    const found = await list<Commit>(p`/repos/${repo.owner}/${repo.name}/commits`, {
      // Of an empty repository only HEAD can be asked for.
      ref: ref === repo.default_branch ? undefined : ref,
      path: path || undefined,
      page: pageNumber(),
      per_page: 30,
    });
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={`Commits · ${repo.full_name}`} />
        <h1 className="hidden">Commits</h1>
        <div className="bar">
          <RefLink repo={repo} refName={ref} />
          <Crumbs repo={repo} refName={ref} path={path} isFile />
        </div>
        {found.items.length > 0 ? <CommitList repo={repo} commits={found.items} path={path} /> : (
          <Empty icon="history"><p>There is no commit here.</p></Empty>
        )}
        <Pager of={found} base={atRef("commits", repo.full_name, ref, path)} />
      </RepoFrame>
    );
  });
}
