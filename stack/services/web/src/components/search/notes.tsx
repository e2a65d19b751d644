"use client";

/** What stands where hits would be. */

import type { ReactNode } from "react";
import { onTab, type Question } from "@/lib/asking";
import { lex } from "@/lib/lexer";
import { chosen, TYPES, type SearchType } from "@/lib/query";
import type { Failure } from "@/lib/types";
import { sentence } from "../trouble";
import type { Follow } from "./search-page";

const EXAMPLES: ReadonlyArray<readonly [string, string]> = [
  ["fn main", "the definition of main in Rust comes first"],
  ["parse url lang:go -is:test", "Go, without tests"],
  ['"p->next = NULL"', "exactly this text"],
  ["/Read(String|Bytes)\\(/", "a regular expression"],
  ["TODO or FIXME", "either word"],
  ["sym:new lang:rust", "what is called new, and defined"],
];

export function Start({ follow }: { follow: Follow }): ReactNode {
  return (
    <section className="start">
      <h2>Some things to ask</h2>
      <ul>
        {EXAMPLES.map(([q, meaning]) => (
          <li key={q}><a {...follow({ q, type: null, page: 1 })}><code>{q}</code></a><span className="muted">{meaning}</span></li>
        ))}
      </ul>
      <p className="muted">Press <kbd>/</kbd> to get to the search from anywhere. <a href="/search/help">All filters and keys</a></p>
    </section>
  );
}

export function FailureNote({ failure, q }: { failure: Failure; q: string }): ReactNode {
  const isQuery = failure.status === 400 || failure.status === 422;
  const wrong = isQuery ? placeOf(failure, q) : null;
  return (
    <section className="failure" role="alert">
      <h2>{isQuery ? "This query can't be understood" : "The search can't answer now"}</h2>
      <p>{sentence(failure.message)}</p>
      {wrong && <p className="query-at"><code>{wrong[0]}<mark>{wrong[1]}</mark>{wrong[2]}</code></p>}
      {isQuery ? <p className="muted"><a href="/search/help">How queries are written</a></p> : <p className="muted">Try again in a moment.</p>}
    </section>
  );
}

/** The query, cut around what is wrong in it: from the place that was told to the end of what it belongs to. */
function placeOf(failure: Failure, q: string): [string, string, string] | null {
  const told = failure.details?.position;
  const start = told === undefined ? -1 : Number(told);
  if (!Number.isInteger(start) || start < 0 || start >= q.length) return null;
  const token = lex(q).find((one) => one.start <= start && start < one.end);
  const end = token?.end ?? start + 1;
  return [q.slice(0, start), q.slice(start, end), q.slice(end)];
}

export function NothingFound({ question, follow, type, names }: {
  question: Question;
  follow: Follow;
  type: SearchType;
  names: Readonly<Record<SearchType, string>>;
}): ReactNode {
  const filters = chosen(question.q);
  return (
    <div className="none">
      <p>Nothing matches in {names[type].toLowerCase()}.</p>
      <ul>
        {filters.map(({ text, rest }) => (
          <li key={text}>Search <a {...follow({ ...question, q: rest, page: 1 })}>without <code>{text}</code></a></li>
        ))}
        {question.q.trim().split(/\s+/).length > 1 && <li>Use fewer words: all of them have to occur.</li>}
        <li>
          Look in {TYPES.filter((other) => other !== type).slice(0, 4).map((other, index) => (
            <span key={other}>{index > 0 && ", "}<a {...follow(onTab(question, other))}>{names[other].toLowerCase()}</a></span>
          ))}.
        </li>
        <li><a href="/search/help">See how queries are written</a></li>
      </ul>
    </div>
  );
}
