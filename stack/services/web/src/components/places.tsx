/** Where one is in a repository: branch, folders, and the ways from there. */

import { Fragment, type ReactNode } from "react";
import { isObjectId } from "@/lib/names";
import type { Repository } from "@/lib/types";
import { atRef, repoPath } from "@/lib/urls";
import { short } from "./bits";
import { Icon } from "./icons";

export function RefLink({ repo, refName }: { repo: Repository; refName: string }): ReactNode {
  const name = isObjectId(refName) ? short(refName) : refName;
  return (
    <a className="button small ref" href={repoPath(repo.owner, repo.name, "branches")} title="Branches and tags">
      <Icon name="branch" />
      {name}
    </a>
  );
}

export function Crumbs({ repo, refName, path, isFile = false }: {
  repo: Repository;
  refName: string;
  path: string;
  isFile?: boolean;
}): ReactNode {
  const parts = path.split("/").filter(Boolean);
  return (
    <nav className="crumbs" aria-label="Folders">
      <a href={atRef("tree", repo.full_name, refName)}>{repo.name}</a>
      {parts.map((part, index) => {
        const here = parts.slice(0, index + 1).join("/");
        const isLast = index === parts.length - 1;
        return (
          <Fragment key={here}>
            <span className="slash" aria-hidden="true">/</span>
            {isLast ? (
              <strong aria-current="page">{part}{isFile ? "" : "/"}</strong>
            ) : (
              <a href={atRef("tree", repo.full_name, refName, here)}>{part}</a>
            )}
          </Fragment>
        );
      })}
    </nav>
  );
}
