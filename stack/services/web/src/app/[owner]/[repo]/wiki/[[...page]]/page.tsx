import type { ReactNode } from "react";
import { Empty, Title, When } from "@/components/bits";
import { Markdown } from "@/components/prepared";
import { RepoFrame } from "@/components/repo-frame";
import { get, list, orNull, p } from "@/lib/api";
import { guarded, nothing, params } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import { isMarkdown } from "@/lib/markdown";
import type { WikiPage } from "@/lib/types";
import { encodeParts, repoPath } from "@/lib/urls";

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const withoutEnding = (path: string): string => path.replace(/\.md$/i, "");

export default function Wiki(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const at = p`/repos/${repo.owner}/${repo.name}/wiki`;
    const pages = await list<WikiPage>(at, { per_page: 100 });
    const asked = params().page;
    const first = pages.items.find((page) => /^(?:home|readme|index)\.[a-z]+$/i.test(page.path)) ?? pages.items[0];
    const path = asked ?? first?.path;
    // Links have no ending; the search leaves out any.
    const known = pages.items.find((page) => page.path === path || page.path.replace(/\.[^./]+$/, "") === path);
    const page = path === undefined ? null : await orNull(get<WikiPage>(`${at}/page`, { path: known?.path ?? path }));
    if (asked !== undefined && !page) throw nothing("There is no such page in this wiki");
    const base = repoPath(repo.owner, repo.name, "wiki");
    return (
      <RepoFrame repo={repo} tab="wiki" isSignedIn={user !== null}>
        <Title of={`${page?.title ?? "Wiki"} · ${repo.full_name}`} />
        {!page ? (
          <Empty icon="wiki">
            <p>This wiki has no page yet. It is a repository of its own: push pages to</p>
            <pre className="commands">{repo.clone_url.replace(/\.git$/, ".wiki.git")}</pre>
          </Empty>
        ) : (
          <div className="wiki">
            <article>
              <h1>{page.title}</h1>
              {page.updated_at && <p className="muted">{page.author && `${page.author} · `}<When at={page.updated_at} /></p>}
              {isMarkdown(page.path) ? <Markdown text={page.content ?? ""} base={{ fullName: repo.full_name, ref: "", folder: folderOf(page.path), isWiki: true }} /> : <pre className="plain-text">{page.content}</pre>}
            </article>
            <nav aria-label="Pages of the wiki">
              <h2>Pages</h2>
              <ul>
                {pages.items.map((other) => (
                  <li key={other.path}><a href={`${base}/${encodeParts(withoutEnding(other.path))}`} aria-current={other.path === page.path ? "page" : undefined}>{other.title}</a></li>
                ))}
              </ul>
            </nav>
          </div>
        )}
      </RepoFrame>
    );
  });
}
