/** The routes of the web, as they stand in metrics, spans and logs, and which of them take a form. */

import { isOwner, isRepository } from "./names";

export interface Match {
  template: string;
  params: Readonly<Record<string, string>>;
}

interface Route {
  template: string;
  parts: readonly string[];
  takesForm: boolean;
}

export const UNMATCHED = "unmatched";

const FORM = true;

const TABLE: ReadonlyArray<readonly [string, boolean?]> = [
  ["/"],
  ["/healthz"],
  ["/readyz"],
  ["/metrics"],
  ["/icon.svg"],
  ["/robots.txt"],
  ["/_next/static/{file...}"],
  ["/login", FORM],
  ["/register", FORM],
  ["/logout", FORM],
  ["/explore"],
  ["/new", FORM],
  ["/search"],
  ["/search/help"],
  ["/search/results"],
  ["/search/suggest"],
  ["/{owner}"],
  ["/{owner}/{repo}", FORM],
  ["/{owner}/{repo}/tree/{ref...}"],
  ["/{owner}/{repo}/blob/{ref...}"],
  ["/{owner}/{repo}/raw/{ref...}"],
  ["/{owner}/{repo}/commits"],
  ["/{owner}/{repo}/commits/{ref...}"],
  ["/{owner}/{repo}/commit/{sha}"],
  ["/{owner}/{repo}/branches"],
  ["/{owner}/{repo}/issues"],
  ["/{owner}/{repo}/issues/new", FORM],
  ["/{owner}/{repo}/issues/{number}", FORM],
  ["/{owner}/{repo}/pulls"],
  ["/{owner}/{repo}/pulls/new", FORM],
  ["/{owner}/{repo}/pull/{number}", FORM],
  ["/{owner}/{repo}/pull/{number}/commits"],
  ["/{owner}/{repo}/pull/{number}/files"],
  ["/{owner}/{repo}/releases"],
  ["/{owner}/{repo}/releases/download/{tag}/{name}"],
  ["/{owner}/{repo}/jobs", FORM],
  ["/{owner}/{repo}/jobs/{id}", FORM],
  ["/{owner}/{repo}/jobs/{id}/log"],
  ["/{owner}/{repo}/wiki"],
  ["/{owner}/{repo}/wiki/{page...}"],
  ["/{owner}/{repo}/settings", FORM],
];

const ROUTES: readonly Route[] = TABLE.map(([template, takesForm = false]) => ({
  template,
  parts: template.split("/").slice(1),
  takesForm,
}));

/** The parts of a path, decoded; null for what is no text or would leave its folder. */
export function segments(pathname: string): string[] | null {
  if (!pathname.startsWith("/")) return null;
  const trimmed = pathname.length > 1 && pathname.endsWith("/") ? pathname.slice(0, -1) : pathname;
  const parts: string[] = [];
  for (const raw of trimmed.slice(1).split("/")) {
    let part: string;
    try {
      part = decodeURIComponent(raw);
    } catch {
      return null;
    }
    if (part === "." || part === ".." || part.includes("/") || part.includes("\0")) return null;
    parts.push(part);
  }
  return parts;
}

/** What can't be a name is no page of an owner or a repository, and nobody is asked for it. */
function canBe({ owner, repo }: Partial<Record<string, string>>): boolean {
  return (owner === undefined || isOwner(owner)) && (repo === undefined || isRepository(repo));
}

function matches(route: Route, parts: readonly string[]): Record<string, string> | null {
  const params: Record<string, string> = {};
  for (const [index, expected] of route.parts.entries()) {
    const given = parts[index];
    if (expected.endsWith("...}")) {
      if (given === undefined || given === "") return null;
      params[expected.slice(1, -4)] = parts.slice(index).join("/");
      return canBe(params) ? params : null;
    }
    if (given === undefined) return null;
    if (expected.startsWith("{")) {
      if (given === "") return null;
      params[expected.slice(1, -1)] = given;
    } else if (given !== expected) {
      return null;
    }
  }
  return parts.length === route.parts.length && canBe(params) ? params : null;
}

function find(pathname: string): { route: Route; params: Record<string, string> } | null {
  const parts = segments(pathname);
  if (parts === null) return null;
  for (const route of ROUTES) {
    const params = matches(route, parts);
    if (params !== null) return { route, params };
  }
  return null;
}

/** Which route a path belongs to, with its decoded parameters; null for none. */
export function match(pathname: string): Match | null {
  const found = find(pathname);
  return found && { template: found.route.template, params: found.params };
}

/** Whether a form can be sent to this path. */
export function takesForm(pathname: string): boolean {
  return find(pathname)?.route.takesForm ?? false;
}

const FOREIGN = new Set([
  "/{owner}/{repo}/raw/{ref...}",
  "/{owner}/{repo}/releases/download/{tag}/{name}",
  "/{owner}/{repo}/jobs/{id}/log",
]);

/** Whether a route answers with files that people put here, as they are. */
export const isForeign = (template: string): boolean => FOREIGN.has(template);

/** All templates. */
export const templates = (): string[] => ROUTES.map((route) => route.template);
