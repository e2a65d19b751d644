/** Issues or pull requests, in a list that can be narrowed. */

import type { ReactNode } from "react";
import type { Page } from "@/lib/api";
import { count } from "@/lib/time";
import type { Issue, PullRequest, Repository } from "@/lib/types";
import { query, repoPath } from "@/lib/urls";
import { Empty, Labels, many, Pager, Person, stateIcon, When } from "./bits";
import { Icon } from "./icons";

export interface Narrowed {
  state: string;
  label: string;
  author: string;
}

export function narrowed(asked: URLSearchParams, states: readonly string[]): Narrowed {
  const state = asked.get("state") ?? "";
  return {
    state: states.includes(state) ? state : "open",
    label: (asked.get("label") ?? "").slice(0, 50),
    author: (asked.get("author") ?? "").slice(0, 40),
  };
}

const NAMES: Readonly<Record<string, string>> = { open: "Open", closed: "Closed", merged: "Merged", all: "All" };

export function WorkList({ repo, of, kind, by, states }: {
  repo: Repository;
  of: Page<Issue | PullRequest>;
  kind: "issues" | "pulls";
  by: Narrowed;
  states: readonly string[];
}): ReactNode {
  const base = repoPath(repo.owner, repo.name, kind);
  const to = (change: Partial<Narrowed>): string => {
    const all = { ...by, ...change };
    return base + query({ ...all, state: all.state === "open" ? "" : all.state });
  };
  const isPull = kind === "pulls";
  return (
    <>
      <div className="bar">
        <nav className="pills" aria-label="State">
          {states.map((state) => (
            <a key={state} href={to({ state })} aria-current={state === by.state ? "true" : undefined}>{NAMES[state]}</a>
          ))}
        </nav>
        {by.label && <a className="chip" href={to({ label: "" })}>label {by.label} ×</a>}
        {by.author && <a className="chip" href={to({ author: "" })}>by {by.author} ×</a>}
        <span className="grow" />
        <span className="muted">{many(of.total, isPull ? "pull request" : "issue")}</span>
        <a className="button small" href={`/search${query({ q: `repo:${repo.full_name} `, type: isPull ? "pr" : "issue" })}`}><Icon name="search" />Search</a>
        <a className="button primary small" href={`${base}/new`}>{isPull ? "New pull request" : "New issue"}</a>
      </div>
      {of.items.length === 0 ? (
        <Empty icon={isPull ? "pull" : "issue"}><p>There is no {by.state === "all" ? "" : `${by.state} `}{isPull ? "pull request" : "issue"} here.</p></Empty>
      ) : (
        <ul className="box work">
          {of.items.map((item) => (
            <li key={item.number}>
              <span className={`state-icon ${item.state}`} title={NAMES[item.state]}><Icon name={stateIcon(item.state, isPull)} /></span>
              <div className="what">
                <a className="title" href={repoPath(repo.owner, repo.name, isPull ? "pull" : "issues", item.number)}>{item.title}</a>
                {item.labels.length > 0 && <Labels names={item.labels} />}
                <p className="muted">
                  #{item.number} · <Person name={item.author} /> · <When at={item.created_at} />
                  {"head" in item && <> · <span className="mono">{item.base}</span> ← <span className="mono">{item.head}</span></>}
                </p>
              </div>
              {item.comments > 0 && <span className="talk muted" title="Comments">{count(item.comments)} <span className="hidden">comments</span></span>}
            </li>
          ))}
        </ul>
      )}
      <Pager of={of} base={base} keep={{ ...by, state: by.state === "open" ? undefined : by.state }} />
    </>
  );
}
