/** Which part of an address is the branch, and which the path: branches have slashes too. */

import { isObjectId } from "./names";

export interface Place {
  ref: string;
  path: string;
}

/** The place, if it can be told without asking which branches there are. */
export function placeWithoutNames(rest: string, defaultBranch: string): Place | null {
  const parts = rest.split("/");
  const first = parts[0] ?? "";
  if (isObjectId(first) || first === "HEAD") return { ref: first, path: parts.slice(1).join("/") };
  if (defaultBranch !== "" && (rest === defaultBranch || rest.startsWith(`${defaultBranch}/`))) {
    return { ref: defaultBranch, path: rest.slice(defaultBranch.length + 1) };
  }
  return null;
}

/** The longest of these names that the address begins with. */
export function placeAmong(rest: string, names: Iterable<string>): Place | null {
  let best: string | null = null;
  for (const name of names) {
    if ((rest === name || rest.startsWith(`${name}/`)) && (best === null || name.length > best.length)) best = name;
  }
  return best === null ? null : { ref: best, path: rest.slice(best.length + 1) };
}

/** When no name fits: the first part, so that whoever is asked can say that there is no such thing. */
export function placeByFirstPart(rest: string): Place {
  const slash = rest.indexOf("/");
  return slash < 0 ? { ref: rest, path: "" } : { ref: rest.slice(0, slash), path: rest.slice(slash + 1) };
}
