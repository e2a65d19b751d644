import type { ReactNode } from "react";
import { short, Title, When } from "@/components/bits";
import { Problem, sent } from "@/components/form";
import { RepoFrame } from "@/components/repo-frame";
import { ApiError, get, p, stream } from "@/lib/api";
import { request } from "@/lib/bridge";
import { guarded, nothing, params } from "@/lib/guard";
import { me, repository } from "@/lib/load";
import { positive } from "@/lib/names";
import { bytes, seconds } from "@/lib/time";
import type { Job } from "@/lib/types";
import { repoPath } from "@/lib/urls";

/** Of a longer log the end is shown: that is where it failed. */
const MOST_LOG = 256 * 1024;

const REFRESH_SECONDS = 3;

export default function JobPage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const id = positive(params().id ?? "");
    if (id === null) throw nothing("There is no such job");
    const at = p`/repos/${repo.owner}/${repo.name}/jobs/${id}`;
    const job = await get<Job>(at);
    const log = await endOfLog(`${at}/log`);
    const here = repoPath(repo.owner, repo.name, "jobs", id);
    const isOver = !["queued", "running"].includes(job.state);
    if (!isOver) request().refresh = REFRESH_SECONDS;
    const started = job.started_at ? new Date(job.started_at) : null;
    const took = started && job.finished_at ? (new Date(job.finished_at).getTime() - started.getTime()) / 1000 : null;
    return (
      <RepoFrame repo={repo} tab="jobs" isSignedIn={user !== null}>
        <Title of={`Job ${id} · ${repo.full_name}`} />
        <header className="work-head">
          <h1>Job <span className="muted">#{id}</span></h1>
          <div className="facts-row">
            <span className={`job-state ${job.state}`}>{job.state}</span>
            <span className="muted">
              <span className="mono">{job.ref}</span> at <a className="mono" href={repoPath(repo.owner, repo.name, "commit", job.commit)}>{short(job.commit)}</a> · <When at={job.created_at} />
              {took !== null && <> · took {seconds(took)}</>}
              {job.attempts > 1 && <> · attempt {job.attempts} of {job.max_attempts}</>}
            </span>
            <span className="grow" />
            {!isOver && <form method="post" action={here}><button className="button small" name="action" value="cancel">Cancel</button></form>}
          </div>
          <Problem form={sent("cancel")} />
          {job.last_error && <p className="error">{job.last_error}</p>}
        </header>
        <ol className="box steps">
          {job.asked.map((step, index) => {
            const known = job.steps[index];
            return (
              <li key={index}>
                <span className={`job-state ${known?.state ?? "queued"}`}>{known ? known.state.replace("_", " ") : "waiting"}</span>
                <span className="what">{step.name}<code>{step.run}</code></span>
                <span className="muted">{known?.seconds != null && seconds(known.seconds)}{known?.exit_code ? ` · exit ${known.exit_code}` : ""}</span>
              </li>
            );
          })}
        </ol>
        <section className="box" aria-label="Log">
          <p className="box-head">Log <span className="muted">{bytes(job.log_bytes)}{!job.log_complete && !isOver && ", still growing"}</span><span className="grow" /><a className="button small" href={`${here}/log`}>Raw</a></p>
          {typeof log === "string" ? (
            <>
              {job.log_bytes > MOST_LOG && <p className="box-note">The beginning is left out here.</p>}
              <pre className="log">{log || "Nothing yet."}</pre>
            </>
          ) : <p className="box-note">{log.message}.</p>}
        </section>
      </RepoFrame>
    );
  });
}

/** The log's end, or why there is none: the page is of use without it. */
async function endOfLog(path: string): Promise<string | ApiError> {
  try {
    const response = await stream(path);
    let end = "";
    const decoder = new TextDecoder();
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      end = (end + decoder.decode(part.value, { stream: true })).slice(-MOST_LOG);
    }
    // Terminals are told colours; a page is not one.
    return end.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");
  } catch (error) {
    if (error instanceof ApiError) return error;
    return new ApiError(503, "UNAVAILABLE", "The log broke off");
  }
}
