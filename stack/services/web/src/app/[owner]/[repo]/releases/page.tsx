import type { ReactNode } from "react";
import { Empty, Pager, Person, short, Title, When } from "@/components/bits";
import { Icon } from "@/components/icons";
import { Markdown } from "@/components/prepared";
import { RepoFrame } from "@/components/repo-frame";
import { list, p } from "@/lib/api";
import { guarded, pageNumber } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import { bytes } from "@/lib/time";
import type { Release } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";

export default function Releases(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const found = await list<Release>(p`/repos/${repo.owner}/${repo.name}/releases`, { page: pageNumber(), per_page: 20 });
    return (
      <RepoFrame repo={repo} tab="releases" isSignedIn={user !== null}>
        <Title of={`Releases · ${repo.full_name}`} />
        <h1 className="hidden">Releases</h1>
        {found.items.length === 0 && <Empty icon="tag"><p>Nothing was released yet.</p></Empty>}
        {found.items.map((release) => (
          <article key={release.tag} className="box release">
            <header className="box-head">
              <h2>{release.name || release.tag}</h2>
              {release.prerelease && <span className="badge">Before release</span>}
              <span className="grow" />
              <a href={atRef("tree", repo.full_name, release.tag)}><Icon name="tag" />{release.tag}</a>
              <a className="mono" href={repoPath(repo.owner, repo.name, "commit", release.commit)}>{short(release.commit)}</a>
              <span className="muted"><Person name={release.author} /> · <When at={release.created_at} /></span>
            </header>
            {release.body && <Markdown text={release.body} base={{ fullName: repo.full_name, ref: release.tag, folder: "" }} />}
            {release.attachments.length > 0 && (
              <ul className="attachments">
                {release.attachments.map((file) => (
                  <li key={file.name}>
                    <a href={repoPath(repo.owner, repo.name, "releases", "download", release.tag, file.name)}><Icon name="file" />{file.name}</a>
                    <span className="muted">{bytes(file.size)}</span>
                    <span className="mono muted sum" title={`sha256 ${file.sha256}`}>sha256 {short(file.sha256)}…</span>
                  </li>
                ))}
              </ul>
            )}
          </article>
        ))}
        <Pager of={found} base={repoPath(repo.owner, repo.name, "releases")} />
      </RepoFrame>
    );
  });
}
