import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Field, Problem, sent } from "@/components/form";
import { RepoFrame } from "@/components/repo-frame";
import { guarded, signInFirst } from "@/lib/guard";
import { may, me, repository } from "@/lib/load";
import { repoPath } from "@/lib/urls";

export default function NewIssue(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    if (!user) return signInFirst();
    const form = sent();
    return (
      <RepoFrame repo={repo} tab="issues" isSignedIn>
        <Title of={`New issue · ${repo.full_name}`} />
        <section className="narrow">
          <h1>New issue</h1>
          <Problem form={form} />
          <form method="post" action={repoPath(repo.owner, repo.name, "issues", "new")} className="stack">
            <Field form={form} name="title" label="Title" most={255} isRequired isFirst />
            <Field form={form} name="body" label="What happened, and what should have" type="multiline" rows={12} hint="Markdown." />
            {may(repo, "write") && <Field form={form} name="labels" label="Labels" most={500} hint="Separated by commas." />}
            <button className="button primary">Open issue</button>
          </form>
        </section>
      </RepoFrame>
    );
  });
}
