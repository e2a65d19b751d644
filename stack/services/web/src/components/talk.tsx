/** What was said about an issue or a pull request, and the form to say something. */

import type { ReactNode } from "react";
import { list, p, type Page } from "@/lib/api";
import { may } from "@/lib/load";
import type { Base } from "@/lib/markdown";
import type { Comment, Repository, User } from "@/lib/types";
import { query, repoPath } from "@/lib/urls";
import { Avatar, Pager, Person, When } from "./bits";
import { Field, Problem, sent } from "./form";
import { Markdown } from "./prepared";

export async function commentsOf(repo: Repository, number: number, page: number): Promise<Page<Comment>> {
  return list<Comment>(p`/repos/${repo.owner}/${repo.name}/issues/${number}/comments`, { page, per_page: 100 });
}

export function Said({ author, at, text, base, id }: { author: string; at: string; text: string; base: Base; id?: string }): ReactNode {
  return (
    <article className="said" id={id}>
      <Avatar name={author} />
      <div className="box">
        <p className="box-head"><Person name={author} /> <span className="muted"><When at={at} /></span></p>
        {text.trim() === "" ? <p className="box-note">Nothing more was said.</p> : <Markdown text={text} base={base} />}
      </div>
    </article>
  );
}

export function Talk({ repo, number, kind, body, comments, state, author, user }: {
  repo: Repository;
  number: number;
  kind: "issues" | "pull";
  body: { author: string; at: string; text: string };
  comments: Page<Comment>;
  state: string;
  author: string;
  user: User | null;
}): ReactNode {
  const here = repoPath(repo.owner, repo.name, kind, number);
  const base = { fullName: repo.full_name, ref: repo.default_branch, folder: "" };
  return (
    <div className="talk">
      {comments.page === 1 && <Said {...body} base={base} />}
      {comments.items.map((comment) => (
        <Said key={comment.id} id={`comment-${comment.id}`} author={comment.author} at={comment.created_at} text={comment.body} base={base} />
      ))}
      <Pager of={comments} base={here} />
      <div id="end" />
      {user ? (
        <Reply here={here} kind={kind} state={state} canChange={user.username === author || may(repo, "write")} isArchived={repo.archived} user={user} />
      ) : (
        <p className="note"><a href={`/login${query({ next: here })}`}>Sign in</a> to say something.</p>
      )}
    </div>
  );
}

function Reply({ here, kind, state, canChange, isArchived, user }: {
  here: string;
  kind: "issues" | "pull";
  state: string;
  canChange: boolean;
  isArchived: boolean;
  user: User;
}): ReactNode {
  if (isArchived) return <p className="note">This repository is archived: nothing can be said any more.</p>;
  const form = sent("comment") ?? sent("close") ?? sent("reopen");
  return (
    <div className="said">
      <Avatar name={user.username} />
      <form method="post" action={`${here}#end`} className="stack">
        <Problem form={form} />
        <input type="hidden" name="of" value={kind} />
        <Field form={form} name="body" label="Comment" type="multiline" rows={5} hint="Markdown." />
        <div className="buttons">
          {canChange && state === "open" && <button className="button" name="action" value="close">Close</button>}
          {canChange && state === "closed" && <button className="button" name="action" value="reopen">Open again</button>}
          <button className="button primary" name="action" value="comment">Comment</button>
        </div>
      </form>
    </div>
  );
}
