"use client";

/** The search: it works as a plain form; with scripts it answers while somebody types. */

import { useRef, useState, type ReactNode } from "react";
import { addressOf, onTab, type Answer, type Question } from "@/lib/asking";
import { TYPES, typeOf, type SearchType } from "@/lib/query";
import { count } from "@/lib/time";
import { useSlash } from "../header-search";
import { Box } from "./box";
import { Facets } from "./facets";
import { FailureNote, NothingFound, Start } from "./notes";
import { Hits } from "./hits";
import { SearchPager } from "./search-pager";
import { useSearch } from "./use-search";

const NAMES: Readonly<Record<SearchType, string>> = {
  code: "Code",
  issue: "Issues",
  pr: "Pull requests",
  wiki: "Wiki",
  repo: "Repositories",
  user: "Users",
  org: "Organisations",
};

const ONE: Readonly<Record<SearchType, readonly [string, string]>> = {
  code: ["file", "files"],
  issue: ["issue", "issues"],
  pr: ["pull request", "pull requests"],
  wiki: ["page", "pages"],
  repo: ["repository", "repositories"],
  user: ["user", "users"],
  org: ["organisation", "organisations"],
};

export function SearchPage(initial: { question: Question; answer: Answer | null }): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  const { question, answer, text, isWaiting, setText, ask } = useSearch(initial);
  const [isOpen, setOpen] = useState(false);
  useSlash(field);
  const type = typeOf(question.q, question.type);

  /** A link inside the page: what it leads to is asked for here, unless somebody wants it elsewhere. */
  const follow = (to: Question) => ({
    href: addressOf(to),
    onClick: (event: React.MouseEvent) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      setOpen(false);
      ask(to, "push");
      if (to.page !== question.page) window.scrollTo(0, 0);
    },
  });

  return (
    <div className="search" aria-busy={isWaiting}>
      <title>{question.q.trim() ? `${question.q} · Search · Engine Room` : "Search · Engine Room"}</title>
      <h1 className="hidden">Search</h1>
      <Box
        field={field}
        text={text}
        type={question.type}
        isOpen={isOpen}
        setOpen={setOpen}
        onText={setText}
        onSubmit={() => { ask({ q: text, type: question.type, page: 1 }, "push"); }}
      />
      <nav className="tabs" aria-label="What to search">
        {TYPES.map((other) => (
          <a key={other} {...follow(onTab({ ...question, q: text }, other))} aria-current={other === type ? "page" : undefined}>
            {NAMES[other]}
            {other === type && answer?.results && <span className="number">{total(answer.results.total, answer.results.exact)}</span>}
          </a>
        ))}
      </nav>
      {answer === null ? <Start follow={follow} /> : answer.failure ? <FailureNote failure={answer.failure} q={question.q} /> : (
        <div className={isWaiting ? "answer old" : "answer"}>
          <Facets question={question} results={answer.results} follow={follow} />
          <section className="found" aria-label="Results">
            <p className="summary" role="status">
              <strong>{answer.results.exact ? "" : "At least "}{count(answer.results.total)} {ONE[type][answer.results.total === 1 ? 0 : 1]}</strong>{" "}
              <span className="muted">in {Math.max(1, Math.round(answer.results.milliseconds))} ms</span>
              {isWaiting && <span className="muted"> · searching…</span>}
            </p>
            {answer.results.hints.map((hint) => <p key={hint} className="hint-note">{hint}</p>)}
            {answer.results.hits.length > 0 ? (
              <Hits hits={answer.results.hits} q={question.q} />
            ) : (
              <NothingFound question={question} follow={follow} type={type} names={NAMES} />
            )}
            <SearchPager question={question} results={answer.results} follow={follow} />
          </section>
        </div>
      )}
    </div>
  );
}

const total = (value: number, isExact: boolean): string => (isExact ? count(value) : `${count(value)}+`);

export type Follow = (to: Question) => { href: string; onClick: (event: React.MouseEvent) => void };
