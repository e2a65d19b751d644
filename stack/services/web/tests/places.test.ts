import { describe, expect, it } from "vitest";
import { addressOf, forApi, isSame, onTab, pagesAround, questionOf } from "@/lib/asking";
import { formatLines, parseLines, select, within } from "@/lib/lines";
import { isObjectId, isOwner, isRepository, positive } from "@/lib/names";
import { placeAmong, placeByFirstPart, placeWithoutNames } from "@/lib/refs";
import { match, segments, takesForm, templates } from "@/lib/routes";
import { atRef, path, query, safeNext } from "@/lib/urls";

const SHA = "9bc5a772f08728821026a4fb380a1dde89af0897";

describe("which part of an address is the branch", () => {
  it("is known for a commit, HEAD and the default branch", () => {
    expect(placeWithoutNames(`${SHA}/src/a.rs`, "main")).toEqual({ ref: SHA, path: "src/a.rs" });
    expect(placeWithoutNames("HEAD/a", "main")).toEqual({ ref: "HEAD", path: "a" });
    expect(placeWithoutNames("main", "main")).toEqual({ ref: "main", path: "" });
    expect(placeWithoutNames("release/1.0/docs/x.md", "release/1.0")).toEqual({ ref: "release/1.0", path: "docs/x.md" });
  });

  it("is not guessed for anything else", () => {
    expect(placeWithoutNames("mainline/x", "main")).toBeNull();
    expect(placeWithoutNames(`${SHA.slice(0, 8)}/x`, "main")).toBeNull();
    expect(placeWithoutNames("x", "")).toBeNull();
  });

  it("is the longest name that fits whole parts", () => {
    const names = ["feature", "feature/a", "feature/ab", "v1"];
    expect(placeAmong("feature/a/src/x", names)).toEqual({ ref: "feature/a", path: "src/x" });
    expect(placeAmong("feature/abc/x", names)).toEqual({ ref: "feature", path: "abc/x" });
    expect(placeAmong("feature/ab", names)).toEqual({ ref: "feature/ab", path: "" });
    expect(placeAmong("other/x", names)).toBeNull();
  });

  it("is the first part when nothing fits", () => {
    expect(placeByFirstPart("nope/a/b")).toEqual({ ref: "nope", path: "a/b" });
    expect(placeByFirstPart("nope")).toEqual({ ref: "nope", path: "" });
  });
});

describe("lines in an address", () => {
  it.each([
    ["#L10", { from: 10, to: 10 }],
    ["#L10-L20", { from: 10, to: 20 }],
    ["#L20-L10", { from: 10, to: 20 }],
    ["L10-20", { from: 10, to: 20 }],
    ["#L0", null],
    ["#L1-", null],
    ["#L1x", null],
    ["#md-L1", null],
    ["", null],
    ["#L9999999999", null],
  ])("%s", (hash, expected) => {
    expect(parseLines(hash)).toEqual(expected);
  });

  it("are written as they are read", () => {
    expect(formatLines({ from: 3, to: 3 })).toBe("#L3");
    expect(formatLines({ from: 3, to: 9 })).toBe("#L3-L9");
  });

  it("reach from the last plain click to one with shift, either way", () => {
    expect(select(null, 5, true)).toEqual({ from: 5, to: 5 });
    expect(select(5, 9, true)).toEqual({ from: 5, to: 9 });
    expect(select(5, 2, true)).toEqual({ from: 2, to: 5 });
    expect(select(5, 9, false)).toEqual({ from: 9, to: 9 });
  });

  it("end with the file", () => {
    expect(within({ from: 5, to: 900 }, 10)).toEqual({ from: 5, to: 10 });
    expect(within({ from: 11, to: 12 }, 10)).toBeNull();
  });
});

describe("routes", () => {
  it.each([
    ["/", "/"],
    ["/login", "/login"],
    ["/search/results", "/search/results"],
    ["/ada", "/{owner}"],
    ["/ada/", "/{owner}"],
    ["/ada/kit", "/{owner}/{repo}"],
    ["/ada/kit/blob/feature/x/src/main.rs", "/{owner}/{repo}/blob/{ref...}"],
    ["/ada/kit/issues/new", "/{owner}/{repo}/issues/new"],
    ["/ada/kit/issues/17", "/{owner}/{repo}/issues/{number}"],
    ["/ada/kit/pull/17/files", "/{owner}/{repo}/pull/{number}/files"],
    ["/ada/kit/wiki/a/b", "/{owner}/{repo}/wiki/{page...}"],
    ["/_next/static/chunks/x.js", "/_next/static/{file...}"],
  ])("%s is %s", (pathname, template) => {
    expect(match(pathname)?.template).toBe(template);
  });

  it.each([
    "/ada/kit/nothing", "/ada/kit/blob", "/ada/kit/blob/", "/a/b/c/d", "/..", "/ada/../etc", "/ada/%2e%2e", "/ada/..%2fetc", "/%zz", "/a%00b",
    "//evil", "/_global-error", "/.env", "/-", "/ada/.git", "/ada/x.git", "/ada/x.wiki", "relative", "/ada/kit/issues/1/2", "/login/x/y/z/w",
  ])("%s is none", (pathname) => {
    expect(match(pathname)).toBeNull();
  });

  it("give their parameters decoded", () => {
    expect(match("/ada/kit/blob/main/a%20b/%C3%BC%2B.txt")?.params).toEqual({ owner: "ada", repo: "kit", ref: "main/a b/ü+.txt" });
    expect(match("/ada/kit/releases/download/v1.0/x.tar.gz")?.params.tag).toBe("v1.0");
  });

  it("are told apart by whether they take a form", () => {
    expect(takesForm("/login")).toBe(true);
    expect(takesForm("/ada/kit/issues/3")).toBe(true);
    expect(takesForm("/ada/kit/issues")).toBe(false);
    expect(takesForm("/search")).toBe(false);
    expect(takesForm("/no/such/page/at/all")).toBe(false);
  });

  it("are few, whatever is asked for: their templates are all that labels can be", () => {
    const known = new Set(templates());
    for (let index = 0; index < 500; index += 1) {
      const found = match(`/x${index}/y${index}${index % 2 ? "/z" : ""}`);
      if (found) expect(known.has(found.template)).toBe(true);
    }
  });

  it("are cut into parts that are text", () => {
    expect(segments("/a/b%20c/")).toEqual(["a", "b c"]);
    expect(segments("/a/%ff")).toBeNull();
    expect(segments("/")).toEqual([""]);
  });
});

describe("names", () => {
  it("are those that the forge accepts", () => {
    expect(["ada", "a", "A-1_.x", "x".repeat(40)].every(isOwner)).toBe(true);
    expect(["", "-a", ".a", "a.", "a..b", "a.git", "a.Wiki", "x".repeat(41), "a/b", "a b"].some(isOwner)).toBe(false);
    expect(isRepository("_x")).toBe(true);
    expect([".x", "x.lock", ""].some(isRepository)).toBe(false);
  });

  it("of objects are whole", () => {
    expect(isObjectId(SHA)).toBe(true);
    expect(isObjectId(SHA.slice(1))).toBe(false);
    expect(isObjectId(SHA.toUpperCase())).toBe(false);
  });

  it("that are numbers begin with one", () => {
    expect(positive("17")).toBe(17);
    expect(["0", "-1", "1.5", "1e3", "", "x", "9999999999"].map(positive)).toEqual(Array(7).fill(null));
  });
});

describe("addresses", () => {
  it("encode each part", () => {
    expect(path("ada", "kit", "issues", 3)).toBe("/ada/kit/issues/3");
    expect(atRef("blob", "ada/kit", "feature/x y", "a b/ü#?.txt")).toBe("/ada/kit/blob/feature/x%20y/a%20b/%C3%BC%23%3F.txt");
    expect(query({ q: "a b&c", page: undefined, type: "" })).toBe("?q=a+b%26c");
  });

  it.each([
    ["/ada/kit?x=1", "/ada/kit?x=1"],
    ["//evil.example", "/"],
    ["https://evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/a\nb", "/"],
    ["/login?next=/x", "/"],
    ["", "/"],
    [null, "/"],
  ])("after signing in lead to this site only: %s", (next, expected) => {
    expect(safeNext(next)).toBe(expected);
  });
});

describe("questions", () => {
  const read = (text: string) => questionOf(new URLSearchParams(text));

  it("are read from an address, whatever is in it", () => {
    expect(read("q=fn+main&type=pr&page=3")).toEqual({ q: "fn main", type: "pr", page: 3 });
    expect(read("q=x&type=evil&page=-1")).toEqual({ q: "x", type: null, page: 1 });
    expect(read("")).toEqual({ q: "", type: null, page: 1 });
    expect(read(`q=${"x".repeat(2000)}`).q).toHaveLength(1000);
  });

  it("are the same when they mean the same", () => {
    expect(addressOf({ q: "x", type: "code", page: 1 })).toBe("/search?q=x");
    expect(isSame({ q: "x", type: null, page: 1 }, { q: "x", type: "code", page: 1 })).toBe(true);
    expect(isSame({ q: "is:open", type: null, page: 1 }, { q: "is:open", type: "code", page: 1 })).toBe(false);
  });

  it("leave out a type that the query has itself: two would be refused", () => {
    expect(forApi({ q: "x type:pr", type: "issue", page: 1 }).type).toBeUndefined();
    expect(forApi({ q: "x", type: "issue", page: 2 })).toMatchObject({ type: "issue", page: 2 });
    expect(forApi({ q: "x", type: "code", page: 1 }).type).toBeUndefined();
  });

  it("of another tab begin at its first page", () => {
    expect(onTab({ q: "x is:open type:issue", type: null, page: 4 }, "code")).toEqual({ q: "x", type: "code", page: 1 });
  });

  it("have pages around the one that is shown", () => {
    expect(pagesAround(1, 1)).toEqual([1]);
    expect(pagesAround(5, 9)).toEqual([1, null, 4, 5, 6, null, 9]);
    expect(pagesAround(2, 3)).toEqual([1, 2, 3]);
  });
});
