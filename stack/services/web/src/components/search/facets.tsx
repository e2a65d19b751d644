"use client";

/** What the hits have in common, and how many have it; a click puts the filter into the query, another takes it out. */

import { useEffect, useRef, type ReactNode } from "react";
import { chosen, facetFilters, isChosen, toggle } from "@/lib/query";
import type { Question } from "@/lib/asking";
import type { Results } from "@/lib/types";
import { count } from "@/lib/time";
import type { Follow } from "./search-page";

const NAMES: Readonly<Record<string, string>> = {
  language: "Language",
  repository: "Repository",
  state: "State",
  author: "Author",
  labels: "Label",
  owner: "Owner",
  visibility: "Visibility",
  year: "Year",
};
const FIRST = 7;

export function Facets({ question, results, follow }: { question: Question; results: Results; follow: Follow }): ReactNode {
  const fold = useRef<HTMLDetailsElement>(null);
  const filters = chosen(question.q);
  // Where there is no room beside the hits, filters would come before all of them.
  useEffect(() => {
    if (fold.current && window.matchMedia("(max-width: 900px)").matches) fold.current.open = false;
  }, []);
  const shown = Object.keys(NAMES).flatMap((name) => {
    const values = Object.entries(results.facets[name] ?? {});
    if (name === "year") values.sort((a, b) => Number(b[0]) - Number(a[0]));
    else values.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return values.length > 0 ? [{ name, values }] : [];
  });
  return (
    <aside className="facets" aria-label="Filters">
      {filters.length > 0 && (
        <section>
          <h2>Active</h2>
          <p className="chips">
            {filters.map(({ text, rest }) => (
              <a key={text} className="chip" {...follow({ ...question, q: rest, page: 1 })} title="Take this filter out">
                {text} <span aria-hidden="true">×</span><span className="hidden">take out</span>
              </a>
            ))}
          </p>
        </section>
      )}
      <details ref={fold} className="fold" open>
        <summary>Filters</summary>
        {shown.map(({ name, values }) => (
          <section key={name}>
            <h2>{NAMES[name]}</h2>
            <Values facet={name} values={values.slice(0, FIRST)} question={question} follow={follow} />
            {values.length > FIRST && (
              <details className="more">
                <summary>{count(values.length - FIRST)} more</summary>
                <Values facet={name} values={values.slice(FIRST)} question={question} follow={follow} />
              </details>
            )}
          </section>
        ))}
      </details>
    </aside>
  );
}

function Values({ facet, values, question, follow }: {
  facet: string;
  values: ReadonlyArray<readonly [string, number]>;
  question: Question;
  follow: Follow;
}): ReactNode {
  return (
    <ul>
      {values.map(([value, number]) => {
        const inside = <><span className="value">{value}</span><span className="number">{count(number)}</span></>;
        if (facetFilters(facet, value).length === 0) return <li key={value} className="fixed">{inside}</li>;
        const isOn = isChosen(question.q, facet, value);
        return (
          <li key={value}>
            <a {...follow({ ...question, q: toggle(question.q, facet, value), page: 1 })} data-facet={facet} data-facet-value={value}
              aria-current={isOn ? "true" : undefined} title={isOn ? "Take this filter out" : `Only ${value}`}>
              {inside}
            </a>
          </li>
        );
      })}
    </ul>
  );
}
