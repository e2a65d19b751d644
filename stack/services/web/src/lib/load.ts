/** What several parts of one page need is asked for once. */

import { cache } from "react";
import { ApiError, get, list, p } from "./api";
import { request } from "./bridge";
import { nothing, params } from "./guard";
import { isOwner, isRepository } from "./names";
import { placeAmong, placeByFirstPart, placeWithoutNames, type Place } from "./refs";
import type { Ref, Repository, User } from "./types";

/** Who is signed in. A session that is over is forgotten; when the api is away nobody is named. */
export const me = cache(async (): Promise<User | null> => {
  const state = request();
  if (state.token === null) return null;
  try {
    return await get<User>("/user");
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
});

/** The repository that the address names. */
export const repository = cache(async (): Promise<Repository> => {
  const { owner = "", repo = "" } = params();
  if (!isOwner(owner) || !isRepository(repo)) throw nothing("There is no such repository");
  try {
    return await get<Repository>(p`/repos/${owner}/${repo}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      throw new ApiError(404, error.code, "There is no such repository, or you may not see it");
    }
    throw error;
  }
});

const MOST_PAGES = 20;

async function names(kind: "branches" | "tags", { owner, name }: Repository, rest: string): Promise<Place | null> {
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const found = await list<Ref>(`${p`/repos/${owner}/${name}`}/${kind}`, { page, per_page: 100 });
    const place = placeAmong(rest, found.items.map((ref) => ref.name));
    if (place || !found.hasMore) return place;
  }
  return null;
}

/** Which branch, tag or commit the address names, and which path there. */
export async function place(repo: Repository): Promise<Place> {
  const rest = params().ref ?? "";
  return (
    placeWithoutNames(rest, repo.default_branch) ??
    (await names("branches", repo, rest)) ??
    (await names("tags", repo, rest)) ??
    placeByFirstPart(rest)
  );
}

/** Whether the caller may do so much. */
export function may(repo: Repository, level: "write" | "admin" | "owner"): boolean {
  const order = ["none", "read", "write", "admin", "owner"];
  return order.indexOf(repo.permission) >= order.indexOf(level);
}
