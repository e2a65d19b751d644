/** Making, changing and removing repositories. */

import { p, send } from "../../lib/api";
import type { Repository } from "../../lib/types";
import { repoPath } from "../../lib/urls";
import { FormError, type Action, type Submission } from "../forms";

export const at = ({ params }: Submission): { owner: string; repo: string } => ({
  owner: params.owner ?? "",
  repo: params.repo ?? "",
});

export const create: Action = async ({ fields }) => {
  const owner = fields.line("owner");
  const made = await send<Repository>("POST", "/repos", {
    name: fields.line("name"),
    ...(owner === "" ? {} : { owner }),
    description: fields.line("description"),
    private: fields.line("visibility") === "private",
  });
  return { location: repoPath(made.owner, made.name) };
};

export const star: Action = async (form) => {
  const { owner, repo } = at(form);
  await send("PUT", p`/repos/${owner}/${repo}/star`);
  return { location: repoPath(owner, repo) };
};

export const unstar: Action = async (form) => {
  const { owner, repo } = at(form);
  await send("DELETE", p`/repos/${owner}/${repo}/star`);
  return { location: repoPath(owner, repo) };
};

export const save: Action = async (form) => {
  const { owner, repo } = at(form);
  await send("PATCH", p`/repos/${owner}/${repo}`, {
    description: form.fields.line("description"),
    private: form.fields.line("visibility") === "private",
    archived: form.fields.isSet("archived"),
  });
  return { location: repoPath(owner, repo) };
};

export const remove: Action = async (form) => {
  const { owner, repo } = at(form);
  if (form.fields.line("confirm") !== `${owner}/${repo}`) {
    throw new FormError({ confirm: `has to be ${owner}/${repo}, or nothing is deleted` });
  }
  await send("DELETE", p`/repos/${owner}/${repo}`);
  return { location: `/${encodeURIComponent(owner)}` };
};
