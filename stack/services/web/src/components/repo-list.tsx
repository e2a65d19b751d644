import type { ReactNode } from "react";
import { count } from "@/lib/time";
import type { Repository } from "@/lib/types";
import { repoPath } from "@/lib/urls";
import { When } from "./bits";
import { Icon, Language } from "./icons";

export function RepoList({ repos, isOwnerShown = true }: { repos: readonly Repository[]; isOwnerShown?: boolean }): ReactNode {
  return (
    <ul className="repo-list">
      {repos.map((repo) => (
        <li key={repo.id}>
          <p className="name">
            <a href={repoPath(repo.owner, repo.name)}>
              {isOwnerShown && <span className="owner">{repo.owner}/</span>}
              <strong>{repo.name}</strong>
            </a>
            {repo.private && <span className="badge">Private</span>}
            {repo.archived && <span className="badge">Archived</span>}
          </p>
          {repo.description && <p className="about">{repo.description}</p>}
          <p className="facts">
            <Language name={repo.language} />
            {repo.stars > 0 && <span><Icon name="star" />{count(repo.stars)}</span>}
            <span>Changed <When at={repo.updated_at} /></span>
          </p>
        </li>
      ))}
    </ul>
  );
}
