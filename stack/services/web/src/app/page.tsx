import type { ReactNode } from "react";
import { Empty, Title } from "@/components/bits";
import { RepoList } from "@/components/repo-list";
import { list, p } from "@/lib/api";
import { guarded } from "@/lib/guard";
import { me } from "@/lib/load";
import type { Repository } from "@/lib/types";

export default function Home(): Promise<ReactNode> {
  return guarded(async () => {
    const user = await me();
    const [own, all] = await Promise.all([
      user ? list<Repository>(p`/users/${user.username}/repos`, { per_page: 20 }) : null,
      list<Repository>("/repos", { per_page: 12 }),
    ]);
    return (
      <>
        <Title of="Home" />
        {user && <h1 className="hidden">Home</h1>}
        {!user && (
          <section className="hero">
            <h1>Find it in the code.</h1>
            <p>Words, exact text, expressions and symbols, over every repository you may see.</p>
            <form action="/search" className="hero-search" role="search">
              <input type="search" name="q" placeholder="fn main, parse url lang:go, /Read(String|Bytes)/" aria-label="Search" />
              <button className="button primary">Search</button>
            </form>
          </section>
        )}
        <div className={user ? "halves" : undefined}>
          {own && (
            <section>
              <div className="head-row"><h2>Your repositories</h2><a className="button small" href="/new">New</a></div>
              {own.items.length > 0 ? <RepoList repos={own.items} /> : (
                <Empty icon="book"><p>You have no repository yet. <a href="/new">Make the first one.</a></p></Empty>
              )}
            </section>
          )}
          <section>
            <div className="head-row"><h2>Lately changed</h2><a href="/explore">All repositories</a></div>
            {all.items.length > 0 ? <RepoList repos={all.items} /> : (
              <Empty icon="book"><p>There is no repository here yet.</p></Empty>
            )}
          </section>
        </div>
      </>
    );
  });
}
