"use client";

/** What stands where hits would be. */

import type { ReactNode } from "react";
import { onTab, type Question } from "@/lib/asking";
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
  const position = Number(failure.details?.position);
  const at = failure.details?.at ?? "";
  const isPlaced = isQuery && failure.details?.position !== undefined && Number.isInteger(position) && position < q.length;
  return (
    <section className="failure" role="alert">
      <h2>{isQuery ? "This query can't be understood" : "The search can't answer now"}</h2>
      <p>{sentence(failure.message)}</p>
      {isPlaced && (
        <p className="query-at"><code>{q.slice(0, position)}<mark>{q.slice(position, position + Math.max(1, at.length))}</mark>{q.slice(position + Math.max(1, at.length))}</code></p>
      )}
      {isQuery ? <p className="muted"><a href="/search/help">How queries are written</a></p> : <p className="muted">Try again in a moment.</p>}
    </section>
  );
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
