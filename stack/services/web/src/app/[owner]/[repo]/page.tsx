import type { ReactNode } from "react";
import { Empty, Title } from "@/components/bits";
import { Icon, Language } from "@/components/icons";
import { RefLink } from "@/components/places";
import { RepoFrame } from "@/components/repo-frame";
import { loadFolder, TreeView } from "@/components/tree-view";
import { guarded } from "@/lib/guard";
import { may, me, repository } from "@/lib/load";
import { bytes } from "@/lib/time";
import { query } from "@/lib/urls";

export default function RepositoryPage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const folder = await loadFolder(repo, "", "");
    const isEmpty = folder.tree.commit === null;
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={repo.full_name} />
        <div className="repo-about">
          {repo.description && <h1 className="description">{repo.description}</h1>}
          {!repo.description && <h1 className="hidden">{repo.full_name}</h1>}
          <p className="facts"><Language name={repo.language} />{repo.size > 0 && <span>{bytes(repo.size)}</span>}</p>
        </div>
        {isEmpty ? (
          <Empty icon="code">
            <h2>This repository is empty</h2>
            {may(repo, "write") ? (
              <>
                <p>Push something to it:</p>
                <pre className="commands">{`git clone ${repo.clone_url}\ncd ${repo.name}\ngit commit --allow-empty -m "A beginning"\ngit push origin HEAD:${repo.default_branch}`}</pre>
              </>
            ) : <p>Nothing was pushed to it yet.</p>}
          </Empty>
        ) : (
          <>
            <div className="bar">
              <RefLink repo={repo} refName={repo.default_branch} />
              <a className="button small" href={`/search${query({ q: `repo:${repo.full_name} ` })}`}><Icon name="search" />Search here</a>
              <span className="grow" />
              <label className="clone"><span>Clone</span><input readOnly value={repo.clone_url} aria-label="Address to clone from" /></label>
            </div>
            <TreeView repo={repo} refName={repo.default_branch} folder={folder} path="" />
          </>
        )}
      </RepoFrame>
    );
  });
}
