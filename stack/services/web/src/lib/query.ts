/** What the search page does to a query: put a facet in or take it out, change what is looked for, find words to mark. */

import { lex, type Token } from "./lexer";

export const TYPES = ["code", "issue", "pr", "wiki", "repo", "user", "org"] as const;
export type SearchType = (typeof TYPES)[number];

const AS_CODE = new Set(["path", "symbol"]);
const OF_WORK = new Set(["open", "closed", "merged"]);

export const isType = (text: string | null | undefined): text is SearchType =>
  TYPES.some((type) => type === text);

/** What a query looks for: its own `type:`, else the tab, else what `is:` means. */
export function typeOf(query: string, tab: string | null | undefined): SearchType {
  const own = lex(query).find((token) => token.filter === "type" && !token.negated)?.text.toLowerCase();
  if (own !== undefined) return AS_CODE.has(own) ? "code" : isType(own) ? own : "code";
  if (isType(tab)) return tab;
  const flags = lex(query).filter((token) => token.filter === "is" && !token.negated).map((token) => token.text);
  if (flags.includes("merged")) return "pr";
  return flags.some((flag) => OF_WORK.has(flag)) ? "issue" : "code";
}

/** A filter as it is typed: in quotation marks where its value would be read otherwise. */
export function filterText(name: string, value: string): string {
  const isPlain = /^[\p{L}\p{N}_.+#@-][\p{L}\p{N}_.+#@/-]*$/u.test(value);
  return `${name}:${isPlain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`}`;
}

/** Tokens that hold for the whole query: outside of groups, with no alternative beside them. */
function outermost(tokens: readonly Token[]): Token[] {
  if (hasAlternatives(tokens)) return [];
  let depth = 0;
  const found: Token[] = [];
  for (const token of tokens) {
    if (token.kind === "open") depth += 1;
    else if (token.kind === "close") depth -= 1;
    else if (depth === 0) found.push(token);
  }
  return found;
}

function hasAlternatives(tokens: readonly Token[]): boolean {
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === "open") depth += 1;
    else if (token.kind === "close") depth -= 1;
    else if (token.kind === "or" && depth === 0) return true;
  }
  return false;
}

function without(query: string, gone: readonly Token[]): string {
  let text = query;
  for (const token of [...gone].sort((a, b) => b.start - a.start)) {
    text = `${text.slice(0, token.start).trimEnd()} ${text.slice(token.end).trimStart()}`;
  }
  return text.trim();
}

function withFilters(query: string, filters: readonly string[]): string {
  const trimmed = query.trim();
  const kept = hasAlternatives(lex(trimmed)) ? `( ${trimmed} )` : trimmed;
  return [kept, ...filters].filter((part) => part !== "").join(" ");
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** A facet's value as the filters that stand for it; empty where the language has none. */
export function facetFilters(facet: string, value: string): ReadonlyArray<readonly [string, string]> {
  switch (facet) {
    case "language":
      return [["lang", value]];
    case "repository":
      return [["repo", value]];
    case "author":
      return [["author", value]];
    case "owner":
      return [["org", value]];
    case "state":
    case "visibility":
      return [["is", value]];
    case "year":
      return /^\d{4}$/.test(value)
        ? [
            ["after", value],
            ["before", String(Number(value) + 1)],
          ]
        : [];
    default:
      return [];
  }
}

const LANGUAGE_ALIASES = new Map([
  ["golang", "go"], ["rs", "rust"], ["py", "python"], ["js", "javascript"], ["ts", "typescript"], ["cpp", "c++"],
  ["cs", "c#"], ["csharp", "c#"], ["rb", "ruby"], ["sh", "shell"], ["bash", "shell"], ["md", "markdown"],
]); // prettier-ignore

function means(token: Token, name: string, value: string): boolean {
  if (token.filter !== name || token.negated || token.kind === "regex") return false;
  if (name === "lang") return same(LANGUAGE_ALIASES.get(token.text.toLowerCase()) ?? token.text, value);
  return same(token.text, value);
}

/** Whether a facet's value is in the query. */
export function isChosen(query: string, facet: string, value: string): boolean {
  const filters = facetFilters(facet, value);
  const tokens = outermost(lex(query));
  return filters.length > 0 && filters.every(([name, text]) => tokens.some((token) => means(token, name, text)));
}

/** The query with a facet's value put in, or taken out if it was in. */
export function toggle(query: string, facet: string, value: string): string {
  const filters = facetFilters(facet, value);
  const tokens = outermost(lex(query));
  if (isChosen(query, facet, value)) {
    return without(query, tokens.filter((token) => filters.some(([name, text]) => means(token, name, text))));
  }
  // Another value of the same facet would leave nothing: a file has one language and one repository.
  const replaced = tokens.filter(
    (token) =>
      !token.negated &&
      filters.some(([name]) => name === token.filter && (name !== "is" || isRival(token.text, value))),
  );
  return withFilters(without(query, replaced), filters.map(([name, text]) => filterText(name, text)));
}

const RIVALS = [["open", "closed", "merged"], ["public", "private"]];

const isRival = (one: string, other: string): boolean =>
  RIVALS.some((rivals) => rivals.includes(one.toLowerCase()) && rivals.includes(other.toLowerCase()));

/** The filters of a query that stand for facets, each with the query it would be without it. */
export function chosen(query: string): Array<{ text: string; rest: string }> {
  const removable = new Set(["repo", "org", "lang", "author", "is", "before", "after", "branch", "file", "path"]);
  return outermost(lex(query))
    .filter((token) => removable.has(token.filter))
    .map((token) => ({ text: query.slice(token.start, token.end), rest: without(query, [token]) }));
}

/** The query for another tab: without its own `type:`, and without states that what is looked for does not have. */
export function forType(query: string, type: SearchType): string {
  const tokens = outermost(lex(query));
  const isWork = type === "issue" || type === "pr";
  return without(
    query,
    tokens.filter(
      (token) =>
        token.filter === "type" || (token.filter === "is" && !token.negated && !isWork && OF_WORK.has(token.text.toLowerCase())),
    ),
  );
}

/** What to mark in the lines of hits. */
export interface Marker {
  pattern: RegExp | null;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * One expression over all wanted texts. Expressions that somebody typed are taken only if they can't take long: a page
 * is also made on the server.
 */
export function marker(query: string): Marker {
  const tokens = lex(query).filter((token) => !token.negated && ["plain", "phrase", "regex"].includes(token.kind));
  const caseFilter = tokens.find((token) => token.filter === "case")?.text;
  const texts = tokens.filter((token) => token.filter === "" || token.filter === "sym");
  const sources: string[] = [];
  let hasUpper = false;
  for (const token of texts) {
    if (token.kind === "regex") {
      if (!isHarmless(token.text)) continue;
      sources.push(token.text);
    } else {
      const text = token.text.replace(/^\*+|\*+$/g, "");
      if (text === "" || (token.filter === "sym" && text.includes("*"))) continue;
      sources.push(escaped(text));
      if (token.kind === "phrase" && /\p{Lu}/u.test(text)) hasUpper = true;
    }
  }
  if (sources.length === 0) return { pattern: null };
  const heedsCase = caseFilter === "yes" || (caseFilter !== "no" && hasUpper && texts.every((t) => t.kind === "phrase"));
  try {
    // Longer texts first: where both could begin, the longer one is marked.
    const all = sources.sort((a, b) => b.length - a.length).map((source) => `(?:${source})`).join("|");
    return { pattern: new RegExp(all, heedsCase ? "gu" : "giu") };
  } catch {
    return { pattern: null };
  }
}

/** At most two repetitions, none of a group, no look-around and no back reference: at worst quadratic in a short line. */
function isHarmless(source: string): boolean {
  const plain = source.replace(/\\./g, "x").replace(/\[[^\]]*\]/g, "x");
  return source.length <= 100 && !/\)[*+{?]|\(\?|\\\d/.test(source) && (plain.match(/[*+{]/g)?.length ?? 0) <= 2;
}

export interface Piece {
  text: string;
  marked: boolean;
}

/** A line cut where marks begin and end. */
export function pieces(line: string, { pattern }: Marker): Piece[] {
  if (!pattern) return [{ text: line, marked: false }];
  const found: Piece[] = [];
  let from = 0;
  for (const hit of line.matchAll(pattern)) {
    if (hit[0] === "") continue;
    if (hit.index > from) found.push({ text: line.slice(from, hit.index), marked: false });
    found.push({ text: hit[0], marked: true });
    from = hit.index + hit[0].length;
  }
  if (from < line.length) found.push({ text: line.slice(from), marked: false });
  return found.length > 0 ? found : [{ text: line, marked: false }];
}
