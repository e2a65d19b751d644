import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Crumbs, RefLink } from "@/components/places";
import { RepoFrame } from "@/components/repo-frame";
import { loadFolder, TreeView } from "@/components/tree-view";
import { guarded } from "@/lib/guard";
import { me, place, repository } from "@/lib/load";

export default function TreePage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const { ref, path } = await place(repo);
    const folder = await loadFolder(repo, ref, path);
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={`${path || repo.name} at ${ref} · ${repo.full_name}`} />
        <h1 className="hidden">{path || repo.name}</h1>
        <div className="bar">
          <RefLink repo={repo} refName={ref} />
          <Crumbs repo={repo} refName={ref} path={path} />
        </div>
        <TreeView repo={repo} refName={ref} folder={folder} path={path} />
      </RepoFrame>
    );
  });
}
