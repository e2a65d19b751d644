import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { Choice, Field, Problem, sent, VISIBILITY } from "@/components/form";
import { RepoFrame } from "@/components/repo-frame";
import { ApiError } from "@/lib/api";
import { guarded, signInFirst } from "@/lib/guard";
import { may, me, repository } from "@/lib/load";
import { repoPath } from "@/lib/urls";

export default function Settings(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    if (!user) return signInFirst();
    if (!may(repo, "admin")) throw new ApiError(403, "FORBIDDEN", "Only those who administer this repository can change its settings");
    const here = repoPath(repo.owner, repo.name, "settings");
    const saving = sent("save");
    const deleting = sent("delete");
    return (
      <RepoFrame repo={repo} tab="settings" isSignedIn>
        <Title of={`Settings · ${repo.full_name}`} />
        <section className="narrow">
          <h1>Settings</h1>
          <Problem form={saving} />
          <form method="post" action={here} className="stack">
            <input type="hidden" name="action" value="save" />
            <Field form={saving} name="description" label="Description" initial={repo.description} most={1000} />
            <fieldset><legend>Who can see it</legend><Choice form={saving} name="visibility" options={VISIBILITY} initial={repo.private ? "private" : "public"} /></fieldset>
            <div className="choice">
              <input type="checkbox" name="archived" value="yes" id="archived" aria-describedby="archived-hint"
                defaultChecked={saving ? saving.values.archived === "yes" : repo.archived} />
              <div><label htmlFor="archived">Archived</label><p className="hint" id="archived-hint">Nothing can be changed or pushed any more.</p></div>
            </div>
            <button className="button primary">Save</button>
          </form>
          {may(repo, "owner") && (
            <section className="danger">
              <h2>Delete this repository</h2>
              <p>Its code, issues, pull requests and wiki are gone with it.</p>
              <Problem form={deleting} />
              <form method="post" action={here} className="stack">
                <input type="hidden" name="action" value="delete" />
                <Field form={deleting} name="confirm" label={`Type ${repo.full_name}`} isRequired />
                <button className="button dangerous">Delete for good</button>
              </form>
            </section>
          )}
        </section>
      </RepoFrame>
    );
  });
}
