/** Small parts that many pages have. */

import type { ReactNode } from "react";
import type { Page } from "@/lib/api";
import { ago, counted, minute } from "@/lib/time";
import { query } from "@/lib/urls";
import { Icon, type IconName } from "./icons";

export function Title({ of }: { of: string }): ReactNode {
  return <title>{`${of} · Engine Room`}</title>;
}

/** A moment, as long ago as it is; the moment itself when pointed at. */
export function When({ at }: { at: string }): ReactNode {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return null;
  return <time dateTime={at} title={minute(moment)}>{ago(moment, new Date())}</time>;
}

export function Person({ name }: { name: string }): ReactNode {
  if (name === "") return <span className="muted">somebody</span>;
  return <a className="person" href={`/${encodeURIComponent(name)}`}>{name}</a>;
}

/** A person's initials on a colour of their own. */
export function Avatar({ name, size = "small" }: { name: string; size?: "small" | "large" }): ReactNode {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return (
    <svg className={`avatar ${size}`} viewBox="0 0 40 40" aria-hidden="true">
      <rect width="40" height="40" rx="9" fill={`hsl(${hash} 42% 44%)`} />
      <text x="20" y="27" textAnchor="middle">{name.slice(0, 1).toUpperCase()}</text>
    </svg>
  );
}

export type WorkState = "open" | "closed" | "merged";

const STATES: Readonly<Record<WorkState, string>> = { open: "Open", closed: "Closed", merged: "Merged" };

export function StateBadge({ state, isPull }: { state: WorkState; isPull: boolean }): ReactNode {
  return (
    <span className={`state ${state}`}>
      <Icon name={stateIcon(state, isPull)} />
      {STATES[state]}
    </span>
  );
}

export function stateIcon(state: WorkState, isPull: boolean): IconName {
  if (state === "merged") return "merged";
  if (isPull) return "pull";
  return state === "open" ? "issue" : "closed";
}

export function Labels({ names }: { names: readonly string[] }): ReactNode {
  if (names.length === 0) return null;
  return (
    <span className="labels">
      {names.map((name) => <span key={name} className="label">{name}</span>)}
    </span>
  );
}

export function Empty({ icon, children }: { icon: IconName; children: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** Links to the pages beside this one. */
export function Pager({ of, base, keep = {} }: {
  of: Pick<Page<unknown>, "page" | "hasMore">;
  base: string;
  keep?: Readonly<Record<string, string | undefined>>;
}): ReactNode {
  if (of.page === 1 && !of.hasMore) return null;
  const to = (page: number): string => base + query({ ...keep, page: page === 1 ? undefined : page });
  return (
    <nav className="pager" aria-label="Pages">
      {of.page > 1 ? <a href={to(of.page - 1)} rel="prev">← Newer</a> : <span />}
      <span className="muted">Page {of.page}</span>
      {of.hasMore ? <a href={to(of.page + 1)} rel="next">Older →</a> : <span />}
    </nav>
  );
}

export const many = (total: number | null, one: string, more?: string): string =>
  total === null ? "" : counted(total, one, more);

/** The start of an object id. */
export const short = (id: string): string => id.slice(0, 8);
