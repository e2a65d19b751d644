/** Paths of pages. */

/** A path from its parts, each encoded; an empty part is left out. */
export function path(...parts: Array<string | number>): string {
  return (
    "/" +
    parts
      .map(String)
      .filter((part) => part !== "")
      .map(encodeURIComponent)
      .join("/")
  );
}

/** A branch or a path inside a repository, encoded part by part. */
export const encodeParts = (text: string): string => text.split("/").map(encodeURIComponent).join("/");

export const repoPath = (owner: string, repo: string, ...rest: Array<string | number>): string =>
  path(owner, repo, ...rest);

/** The page of a file or folder at a branch, a tag or a commit. */
export function atRef(kind: "blob" | "tree" | "raw" | "commits", fullName: string, ref: string, file = ""): string {
  const end = file === "" ? "" : `/${encodeParts(file)}`;
  return `/${encodeParts(fullName)}/${kind}/${encodeParts(ref)}${end}`;
}

/** A query string with its question mark; what is empty or the default is left out. */
export function query(values: Readonly<Record<string, string | number | undefined | null>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** Where to go after signing in: a path of this site, or home. */
export function safeNext(next: string | null | undefined): string {
  if (!next || !next.startsWith("/") || /[\\\u0000-\u001f]/.test(next) || next.startsWith("//")) return "/";
  return /^\/(?:login|logout|register)(?:[/?#]|$)/.test(next) ? "/" : next;
}
