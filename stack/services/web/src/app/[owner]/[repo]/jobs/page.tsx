import type { ReactNode } from "react";
import { Empty, Pager, short, Title, When } from "@/components/bits";
import { Field, Problem, sent } from "@/components/form";
import { RepoFrame } from "@/components/repo-frame";
import { list, p } from "@/lib/api";
import { guarded, pageNumber } from "@/lib/guard";
import { may, me, repository } from "@/lib/load";
import type { Job } from "@/lib/types";
import { repoPath } from "@/lib/urls";

export default function Jobs(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const found = await list<Job>(p`/repos/${repo.owner}/${repo.name}/jobs`, { page: pageNumber(), per_page: 30 });
    const form = sent();
    const here = repoPath(repo.owner, repo.name, "jobs");
    return (
      <RepoFrame repo={repo} tab="jobs" isSignedIn={user !== null}>
        <Title of={`Jobs · ${repo.full_name}`} />
        <h1 className="hidden">Jobs</h1>
        {user && may(repo, "write") && (
          <details className="box start-job" open={form !== null}>
            <summary className="box-head">Start a job</summary>
            <form method="post" action={here} className="stack">
              <Problem form={form} />
              <Field form={form} name="ref" label="Branch, tag or commit" initial={repo.default_branch} most={255} />
              <Field form={form} name="commands" label="Commands" type="code" rows={4} isRequired hint="One step a line." />
              <button className="button primary">Start</button>
            </form>
          </details>
        )}
        {found.items.length === 0 ? <Empty icon="play"><p>No job has run here yet.</p></Empty> : (
          <ul className="box work">
            {found.items.map((job) => (
              <li key={job.id}>
                <span className={`job-state ${job.state}`}>{job.state}</span>
                <div className="what">
                  <a className="title" href={`${here}/${job.id}`}>{job.asked[0]?.name ?? job.kind}{job.asked.length > 1 && ` and ${job.asked.length - 1} more`}</a>
                  <p className="muted">#{job.id} · <span className="mono">{job.ref}</span> at <span className="mono">{short(job.commit)}</span> · <When at={job.created_at} /></p>
                </div>
              </li>
            ))}
          </ul>
        )}
        <Pager of={found} base={here} />
      </RepoFrame>
    );
  });
}
