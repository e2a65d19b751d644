import type { ReactNode } from "react";
import { Avatar, Empty, many, Pager, Person, Title } from "@/components/bits";
import { RepoList } from "@/components/repo-list";
import { get, list, orNull, p } from "@/lib/api";
import { guarded, nothing, pageNumber, params } from "@/lib/guard";
import { isOwner } from "@/lib/names";
import { day } from "@/lib/time";
import type { Member, Organization, Repository, User } from "@/lib/types";
import { path } from "@/lib/urls";

export default function Owner(): Promise<ReactNode> {
  return guarded(async () => {
    const { owner = "" } = params();
    if (!isOwner(owner)) throw nothing("There is no such user or organisation");
    const [user, org] = await Promise.all([
      orNull(get<User>(p`/users/${owner}`)),
      orNull(get<Organization>(p`/orgs/${owner}`)),
    ]);
    if (!user && !org) throw nothing("There is no such user or organisation");
    const name = user?.username ?? org?.name ?? owner;
    const [repos, members] = await Promise.all([
      list<Repository>("/repos", { owner: name, page: pageNumber(), per_page: 30 }),
      org ? orNull(list<Member>(p`/orgs/${name}/members`, { per_page: 30 })) : null,
    ]);
    const about = user?.bio ?? org?.description ?? "";
    const place = user?.location ?? org?.location ?? "";
    const website = user?.website ?? org?.website ?? "";
    const since = new Date(user?.created_at ?? org?.created_at ?? "");
    return (
      <div className="profile">
        <Title of={name} />
        <aside>
          <Avatar name={name} size="large" />
          <h1>{(user ?? org)?.full_name || name}</h1>
          <p className="muted">{name}{org && <span className="badge">Organisation</span>}</p>
          {about && <p>{about}</p>}
          {place && <p className="muted">{place}</p>}
          {/^https?:\/\//.test(website) && <p><a href={website} rel="nofollow noopener noreferrer">{website.replace(/^https?:\/\//, "")}</a></p>}
          <p className="muted">Here since {day(since)}</p>
          {members && members.items.length > 0 && (
            <>
              <h2>Members</h2>
              <ul className="members">
                {members.items.map((member) => (
                  <li key={member.username}>
                    <Avatar name={member.username} />
                    <Person name={member.username} />
                    {member.role === "owner" && <span className="badge">Owner</span>}
                  </li>
                ))}
              </ul>
            </>
          )}
        </aside>
        <section>
          <div className="head-row"><h2>Repositories</h2><span className="muted">{many(repos.total, "repository", "repositories")}</span></div>
          {repos.items.length > 0 ? <RepoList repos={repos.items} isOwnerShown={false} /> : (
            <Empty icon="book"><p>There is no repository here that you may see.</p></Empty>
          )}
          <Pager of={repos} base={path(name)} />
        </section>
      </div>
    );
  });
}
