import type { ReactNode } from "react";
import { Empty, many, Pager, short, Title } from "@/components/bits";
import { Icon } from "@/components/icons";
import { RepoFrame } from "@/components/repo-frame";
import { list, p, type Page } from "@/lib/api";
import { guarded, pageNumber } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { Ref, Repository } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";

export default function Branches(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const at = p`/repos/${repo.owner}/${repo.name}`;
    const page = { page: pageNumber(), per_page: 50 };
    const [branches, tags] = await Promise.all([list<Ref>(`${at}/branches`, page), list<Ref>(`${at}/tags`, page)]);
    const hasMore = branches.hasMore || tags.hasMore;
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={`Branches and tags · ${repo.full_name}`} />
        <h1 className="hidden">Branches and tags</h1>
        <div className="halves">
          <Refs repo={repo} kind="Branches" refs={branches} />
          <Refs repo={repo} kind="Tags" refs={tags} />
        </div>
        <Pager of={{ page: page.page, hasMore }} base={repoPath(repo.owner, repo.name, "branches")} />
      </RepoFrame>
    );
  });
}

function Refs({ repo, kind, refs }: { repo: Repository; kind: "Branches" | "Tags"; refs: Page<Ref> }): ReactNode {
  const icon = kind === "Branches" ? "branch" : "tag";
  return (
    <section>
      <div className="head-row"><h2>{kind}</h2><span className="muted">{many(refs.total, kind === "Tags" ? "tag" : "branch", kind.toLowerCase())}</span></div>
      {refs.items.length === 0 ? <Empty icon={icon}><p>There are none.</p></Empty> : (
        <ul className="box refs">
          {refs.items.map((ref) => (
            <li key={ref.name}>
              <a href={atRef("tree", repo.full_name, ref.name)}><Icon name={icon} />{ref.name}</a>
              {kind === "Branches" && ref.name === repo.default_branch && <span className="badge">Default</span>}
              <span className="grow" />
              <a className="mono" href={repoPath(repo.owner, repo.name, "commit", ref.commit)}>{short(ref.commit)}</a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
