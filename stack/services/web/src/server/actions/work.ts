/** Issues, pull requests and what is said about them. */

import { p, send } from "../../lib/api";
import { repoPath } from "../../lib/urls";
import { FormError, type Action, type Submission } from "../forms";
import { at } from "./repository";

interface Numbered {
  number: number;
}

function title({ fields }: Submission): string {
  const text = fields.line("title");
  if (text === "") throw new FormError({ title: "is needed" });
  return text;
}

function place(form: Submission): { owner: string; repo: string; number: string } {
  return { ...at(form), number: form.params.number ?? "" };
}

export const openIssue: Action = async (form) => {
  const { owner, repo } = at(form);
  const labels = form.fields.line("labels").split(",").map((label) => label.trim()).filter(Boolean);
  const made = await send<Numbered>("POST", p`/repos/${owner}/${repo}/issues`, {
    title: title(form),
    body: form.fields.text("body"),
    ...(labels.length > 0 ? { labels } : {}),
  });
  return { location: repoPath(owner, repo, "issues", made.number) };
};

export const openPull: Action = async (form) => {
  const { owner, repo } = at(form);
  const made = await send<Numbered>("POST", p`/repos/${owner}/${repo}/pulls`, {
    title: title(form),
    body: form.fields.text("body"),
    head: form.fields.line("head"),
    base: form.fields.line("base"),
  });
  return { location: repoPath(owner, repo, "pull", made.number) };
};

/** Issues and pull requests share their numbers and their comments; only their pages differ. */
const page = (form: Submission): string => {
  const { owner, repo, number } = place(form);
  return repoPath(owner, repo, form.fields.line("of") === "pull" ? "pull" : "issues", number);
};

async function say(form: Submission): Promise<void> {
  const { owner, repo, number } = place(form);
  const body = form.fields.text("body");
  if (body.trim() !== "") await send("POST", p`/repos/${owner}/${repo}/issues/${number}/comments`, { body });
}

export const comment: Action = async (form) => {
  if (form.fields.text("body").trim() === "") throw new FormError({ body: "Write something first" });
  await say(form);
  return { location: `${page(form)}#end` };
};

const setState =
  (kind: "issues" | "pulls", state: "open" | "closed"): Action =>
  async (form) => {
    const { owner, repo, number } = place(form);
    await say(form);
    await send("PATCH", `${p`/repos/${owner}/${repo}`}/${kind}${p`/${number}`}`, { state });
    return { location: `${page(form)}#end` };
  };

export const close = setState("issues", "closed");
export const reopen = setState("issues", "open");
export const closePull = setState("pulls", "closed");
export const reopenPull = setState("pulls", "open");

export const merge: Action = async (form) => {
  const { owner, repo, number } = place(form);
  const head = form.fields.line("expected_head");
  await send("POST", p`/repos/${owner}/${repo}/pulls/${number}/merge`, head === "" ? {} : { expected_head: head });
  return { location: page(form) };
};
