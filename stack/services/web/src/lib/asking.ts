/** A question to the search: as it stands in an address, and as it goes to the api. */

import { forType, isType, typeOf, type SearchType } from "./query";
import type { Failure, Results } from "./types";
import { query } from "./urls";

export const PER_PAGE = 20;
/** The search pages through so many hits. */
export const MOST_HITS = 10_000;
export const LONGEST = 1_000;

export interface Question {
  q: string;
  /** The tab; null: what the query itself says. */
  type: SearchType | null;
  page: number;
}

export type Answer = { results: Results; failure: null } | { results: null; failure: Failure };

export function questionOf(asked: URLSearchParams): Question {
  const type = asked.get("type");
  const page = asked.get("page") ?? "";
  return {
    q: (asked.get("q") ?? "").slice(0, LONGEST),
    type: isType(type) ? type : null,
    page: /^[1-9]\d{0,4}$/.test(page) ? Number(page) : 1,
  };
}

/** What is behind the question mark; the shortest that means the same. */
export function addressOf({ q, type, page }: Question, path = "/search"): string {
  return path + query({ q, type: type === "code" && typeOf(q, null) === "code" ? "" : type, page: page === 1 ? "" : page });
}

export const isSame = (one: Question, other: Question): boolean => addressOf(one) === addressOf(other);

/** The question of another tab. */
export function onTab({ q }: Question, type: SearchType): Question {
  return { q: forType(q, type), type, page: 1 };
}

/** What the api is asked; a query with a `type:` of its own needs no other. */
export function forApi({ q, type, page }: Question): { q: string; type: string | undefined; page: number; per_page: number } {
  const isSaid = type === null || (type === "code" && typeOf(q, null) === "code") || /(?:^|[\s(])type:\S/.test(q);
  return { q, type: isSaid ? undefined : type, page, per_page: PER_PAGE };
}

/** Pages to choose from: the first, the last, and those around this one; null is a gap. */
export function pagesAround(page: number, last: number): Array<number | null> {
  const wanted = [...new Set([1, page - 1, page, page + 1, last])].filter((one) => one >= 1 && one <= last).sort((a, b) => a - b);
  return wanted.flatMap((one, index) => {
    const before = wanted[index - 1];
    return before !== undefined && one - before > 1 ? [null, one] : [one];
  });
}
