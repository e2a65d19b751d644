import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { RepoFrame } from "@/components/repo-frame";
import { narrowed, WorkList } from "@/components/work-list";
import { list, p } from "@/lib/api";
import { guarded, pageNumber, search } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { Issue } from "@/lib/types";

const STATES = ["open", "closed", "all"];

export default function Issues(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const by = narrowed(search(), STATES);
    const found = await list<Issue>(p`/repos/${repo.owner}/${repo.name}/issues`, {
      state: by.state,
      label: by.label || undefined,
      author: by.author || undefined,
      page: pageNumber(),
      per_page: 30,
    });
    return (
      <RepoFrame repo={repo} tab="issues" isSignedIn={user !== null}>
        <Title of={`Issues · ${repo.full_name}`} />
        <h1 className="hidden">Issues</h1>
        <WorkList repo={repo} of={found} kind="issues" by={by} states={STATES} />
      </RepoFrame>
    );
  });
}
