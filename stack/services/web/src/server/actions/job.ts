/** Starting and cancelling jobs. */

import { p, send } from "../../lib/api";
import { repoPath } from "../../lib/urls";
import { FormError, type Action } from "../forms";
import { at } from "./repository";

export const start: Action = async (form) => {
  const { owner, repo } = at(form);
  const commands = form.fields.text("commands").split("\n").map((line) => line.trim()).filter(Boolean);
  if (commands.length === 0) throw new FormError({ commands: "Write at least one command" });
  const ref = form.fields.line("ref");
  const made = await send<{ id: number }>("POST", p`/repos/${owner}/${repo}/jobs`, {
    kind: "steps",
    ...(ref === "" ? {} : { ref }),
    steps: commands.map((run) => ({ name: run.slice(0, 80), run })),
  });
  return { location: repoPath(owner, repo, "jobs", made.id) };
};

export const cancel: Action = async (form) => {
  const { owner, repo } = at(form);
  const id = form.params.id ?? "";
  await send("POST", p`/repos/${owner}/${repo}/jobs/${id}/cancel`);
  return { location: repoPath(owner, repo, "jobs", id) };
};
