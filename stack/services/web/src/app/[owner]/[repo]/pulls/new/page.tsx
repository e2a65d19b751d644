import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Changes } from "@/components/changes";
import { CommitList } from "@/components/commit-list";
import { Field, Problem, sent } from "@/components/form";
import { RepoFrame } from "@/components/repo-frame";
import { subject } from "@/components/tree-view";
import { get, list, orNull, p } from "@/lib/api";
import { guarded, search, signInFirst } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import type { Comparison, Ref } from "@/lib/types";
import { repoPath } from "@/lib/urls";

/** First the branches, then what differs, and with it the form. */
export default function NewPull(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    if (!user) return signInFirst();
    const form = sent();
    const at = p`/repos/${repo.owner}/${repo.name}`;
    const base = form?.values.base ?? search().get("base") ?? repo.default_branch;
    const head = form?.values.head ?? search().get("head") ?? "";
    const branches = await list<Ref>(`${at}/branches`, { per_page: 100 });
    const changes = head !== "" && head !== base ? await orNull(get<Comparison>(`${at}/compare`, { base, head })) : null;
    const newest = changes?.commits[0];
    const hasChanges = (changes?.commits.length ?? 0) > 0;
    const differences = changes && hasChanges
      ? await Changes({ repo, base: changes.merge_base ?? changes.base, head: changes.head, files: changes.files, isCut: changes.truncated })
      : null;
    const here = repoPath(repo.owner, repo.name, "pulls", "new");
    return (
      <RepoFrame repo={repo} tab="pulls" isSignedIn>
        <Title of={`New pull request · ${repo.full_name}`} />
        <h1>New pull request</h1>
        <Problem form={form} />
        <form action={here} className="bar branches">
          <BranchField name="base" label="Into" value={base} branches={branches.items} />
          <span aria-hidden="true">←</span>
          <BranchField name="head" label="From" value={head} branches={branches.items} />
          <button className="button">Compare</button>
        </form>
        {form?.errors.head && <p className="error">From {form.errors.head}</p>}
        {head !== "" && !changes && <p className="note">{head === base ? "These are the same branch." : "One of these branches does not exist."}</p>}
        {changes && !hasChanges && <p className="note">{base} has everything that {head} has.</p>}
        {changes && hasChanges && (
          <>
            <form method="post" action={here} className="stack narrow">
              <input type="hidden" name="base" value={base} />
              <input type="hidden" name="head" value={head} />
              <Field form={form} name="title" label="Title" most={255} isRequired initial={newest ? subject(newest) : ""} />
              <Field form={form} name="body" label="What it does, and why" type="multiline" hint="Markdown." />
              <button className="button primary">Open pull request</button>
            </form>
            <CommitList repo={repo} commits={changes.commits} />
            {differences}
          </>
        )}
      </RepoFrame>
    );
  });
}

function BranchField({ name, label, value, branches }: { name: string; label: string; value: string; branches: readonly Ref[] }): ReactNode {
  return (
    <label className="branch-field">
      <span>{label}</span>
      <input name={name} list={`${name}-branches`} defaultValue={value} required autoComplete="off" spellCheck={false} />
      <datalist id={`${name}-branches`}>{branches.map((branch) => <option key={branch.name} value={branch.name} />)}</datalist>
    </label>
  );
}
