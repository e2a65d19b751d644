import type { ReactNode } from "react";
import { Empty, many, Pager, Title } from "@/components/bits";
import { RepoList } from "@/components/repo-list";
import { list } from "@/lib/api";
import { guarded, pageNumber, search } from "@/lib/guard";
import type { Repository } from "@/lib/types";
import { query } from "@/lib/urls";

const SORTS = [
  ["updated", "Lately changed"],
  ["stars", "Most stars"],
  ["name", "Name"],
] as const;

export default function Explore(): Promise<ReactNode> {
  return guarded(async () => {
    const asked = search();
    const q = (asked.get("q") ?? "").trim().slice(0, 100);
    const sort = SORTS.find(([value]) => value === asked.get("sort"))?.[0] ?? "updated";
    const found = await list<Repository>("/repos", { q: q || undefined, sort, page: pageNumber(), per_page: 30 });
    return (
      <>
        <Title of="Explore" />
        <div className="head-row">
          <h1>Repositories <span className="muted">{many(found.total, "repository", "repositories")}</span></h1>
          <form className="inline-search" role="search" aria-label="Repositories">
            <input type="search" name="q" defaultValue={q} placeholder="Name or description" aria-label="Name or description" />
            {sort !== "updated" && <input type="hidden" name="sort" value={sort} />}
            <button className="button">Find</button>
          </form>
        </div>
        <nav className="pills" aria-label="Order">
          {SORTS.map(([value, name]) => (
            <a key={value} href={`/explore${query({ q, sort: value === "updated" ? "" : value })}`} aria-current={value === sort ? "true" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        {found.items.length > 0 ? <RepoList repos={found.items} /> : (
          <Empty icon="book"><p>No repository {q ? <>matches <strong>{q}</strong></> : "is here yet"}.</p></Empty>
        )}
        <Pager of={found} base="/explore" keep={{ q, sort: sort === "updated" ? undefined : sort }} />
      </>
    );
  });
}
