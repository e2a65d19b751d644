"use client";

import type { ReactNode } from "react";
import { MOST_HITS, pagesAround, type Question } from "@/lib/asking";
import type { Results } from "@/lib/types";
import type { Follow } from "./search-page";

export function SearchPager({ question, results, follow }: { question: Question; results: Results; follow: Follow }): ReactNode {
  const last = Math.ceil(Math.min(results.total, MOST_HITS) / results.per_page);
  const { page } = question;
  if (last <= 1 && page === 1) return null;
  const to = (other: number) => follow({ ...question, page: other });
  return (
    <nav className="pager numbers" aria-label="Pages">
      {page > 1 && <a {...to(page - 1)} rel="prev" aria-label="Page before">←</a>}
      {pagesAround(page, last).map((other, index) =>
        other === null ? (
          <span key={`gap ${index}`} className="muted">…</span>
        ) : (
          <a key={other} {...to(other)} aria-current={other === page ? "page" : undefined} aria-label={`Page ${other}`}>{other}</a>
        ),
      )}
      {page < last && <a {...to(page + 1)} rel="next" aria-label="Page after">→</a>}
    </nav>
  );
}
