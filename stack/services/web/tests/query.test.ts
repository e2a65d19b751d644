import { describe, expect, it } from "vitest";
import { lex } from "@/lib/lexer";
import { chosen, filterText, forType, isChosen, marker, pieces, toggle, typeOf } from "@/lib/query";

const tokens = (query: string): string[] =>
  lex(query).map((token) => `${token.negated ? "-" : ""}${token.kind}${token.filter ? `<${token.filter}>` : ""}:${token.text}`);

describe("cutting a query into tokens", () => {
  it.each([
    ["fn main", ["plain:fn", "plain:main"]],
    ["std::vector https://x.org", ["plain:std::vector", "plain:https://x.org"]],
    ['lang:go "a b" -is:test', ["plain<lang>:go", "phrase:a b", "-plain<is>:test"]],
    ['author:"Jane Doe" l:py', ["phrase<author>:Jane Doe", "plain<lang>:py"]],
    ["/Read(String|Bytes)\\(/", ["regex:Read(String|Bytes)\\("]],
    ["/a\\/b/ //x /* y */", ["regex:a/b", "plain://x", "plain:/*", "plain:y", "plain:*/"]],
    ["main() foo(bar if (x)", ["plain:main()", "plain:foo(bar", "plain:if", "plain:(x)"]],
    ["(a or b) c", ["open:(", "plain:a", "or:or", "plain:b", "close:)", "plain:c"]],
    ["( a b )", ["open:(", "plain:a", "plain:b", "close:)"]],
    ["-> --flag -5 -r -word", ["plain:->", "plain:--flag", "plain:-5", "plain:-r", "-plain:word"]],
    ['"unclosed a', ["plain:\"unclosed", "plain:a"]],
    ["type: x", ["plain:type:", "plain:x"]],
    ["中文 path:测", ["plain:中文", "plain<path>:测"]],
    ["", []],
  ])("%j", (query, expected) => {
    expect(tokens(query)).toEqual(expected);
  });

  it("says where each token stands", () => {
    const query = '  lang:"C++"  (x or "y z") -/r e/ ';
    expect(lex(query).map((token) => query.slice(token.start, token.end))).toEqual([
      'lang:"C++"', "(", "x", "or", '"y z"', ")", "-/r e/",
    ]);
  });
});

describe("a facet in a query", () => {
  it.each([
    ["fn main", "language", "Rust", "fn main lang:Rust"],
    ["fn main", "language", "Protocol Buffer", 'fn main lang:"Protocol Buffer"'],
    ["x", "language", "C++", "x lang:C++"],
    ["x", "language", "C#", "x lang:C#"],
    ["x", "repository", "acme/app", "x repo:acme/app"],
    ["x", "author", 'Jane "JD" Doe', 'x author:"Jane \\"JD\\" Doe"'],
    ["x", "owner", "acme", "x org:acme"],
    ["x type:issue", "state", "open", "x type:issue is:open"],
    ["x", "year", "2024", "x after:2024 before:2025"],
    ["a or b", "language", "Go", "( a or b ) lang:Go"],
    ["", "language", "Go", "lang:Go"],
  ])("%j with %s %s", (query, facet, value, expected) => {
    expect(toggle(query, facet, value)).toBe(expected);
  });

  it.each([
    ["fn main", "language", "Rust"],
    ["a or b", "language", "Go"],
    ['"x  y" z', "year", "2024"],
    ["if (x) foo(", "author", "Jane Doe"],
    ["/a b/ -is:test", "repository", "acme/app"],
  ])("%j: put in and taken out again leaves the same meaning", (query, facet, value) => {
    const put = toggle(query, facet, value);
    expect(isChosen(put, facet, value)).toBe(true);
    const out = toggle(put, facet, value);
    expect(isChosen(out, facet, value)).toBe(false);
    expect(tokens(out).filter((token) => !/^(?:open|close)/.test(token))).toEqual(tokens(query));
  });

  it("takes out the filter however it was written", () => {
    expect(toggle("fn lang:rust main", "language", "Rust")).toBe("fn main");
    expect(toggle("fn l:golang", "language", "Go")).toBe("fn");
    expect(toggle('author:"Jane Doe" x', "author", "jane doe")).toBe("x");
  });

  it("puts another value in the place of the one that is there", () => {
    expect(toggle("x lang:go", "language", "Rust")).toBe("x lang:Rust");
    expect(toggle("x is:open is:private", "state", "closed")).toBe("x is:private is:closed");
    expect(toggle("x after:2020 before:2021", "year", "2024")).toBe("x after:2024 before:2025");
  });

  it("leaves alone what is negated, in a group, or text", () => {
    expect(isChosen("-lang:rust x", "language", "Rust")).toBe(false);
    expect(isChosen("(lang:rust or lang:go) x", "language", "Rust")).toBe(false);
    expect(isChosen('"lang:rust"', "language", "Rust")).toBe(false);
    expect(toggle("-lang:rust x", "language", "Rust")).toBe("-lang:rust x lang:Rust");
  });

  it("has no filter for some facets", () => {
    expect(isChosen("x", "labels", "bug")).toBe(false);
    expect(isChosen("x", "year", "unknown")).toBe(false);
  });

  it("names the filters that can be taken out, each with what would be left", () => {
    expect(chosen('fn lang:go author:"Jane Doe" type:issue')).toEqual([
      { text: "lang:go", rest: 'fn author:"Jane Doe" type:issue' },
      { text: 'author:"Jane Doe"', rest: "fn lang:go type:issue" },
    ]);
    expect(chosen("a or lang:go")).toEqual([]);
  });

  it("quotes a value that would be read otherwise", () => {
    expect(filterText("path", "/etc/")).toBe('path:"/etc/"');
    expect(filterText("author", "a)")).toBe('author:"a)"');
    expect(filterText("author", "back\\slash")).toBe('author:"back\\\\slash"');
    expect(filterText("author", "Zoë")).toBe("author:Zoë");
  });
});

describe("what is looked for", () => {
  it.each([
    ["fn", null, "code"],
    ["fn", "issue", "issue"],
    ["fn type:pr", "issue", "pr"],
    ["fn type:symbol", null, "code"],
    ["is:open x", null, "issue"],
    ["is:merged x", null, "pr"],
    ["is:private x", null, "code"],
    ["fn", "nonsense", "code"],
    ['"type:pr"', null, "code"],
  ])("%j on the tab %s is %s", (query, tab, expected) => {
    expect(typeOf(query, tab)).toBe(expected);
  });

  it("drops from a query what another tab does not have", () => {
    expect(forType("crash type:issue is:open lang:go", "code")).toBe("crash lang:go");
    expect(forType("crash is:open", "pr")).toBe("crash is:open");
    expect(forType("crash is:private", "code")).toBe("crash is:private");
  });
});

describe("marks in a line", () => {
  const marked = (query: string, line: string): string =>
    pieces(line, marker(query)).map((piece) => (piece.marked ? `[${piece.text}]` : piece.text)).join("");

  it.each([
    ["fn main", "async fn main() -> X", "async [fn] [main]() -> X"],
    ["main", "Main mainly", "[Main] [main]ly"],
    ["case:yes Main", "Main main", "[Main] main"],
    ['"Update"', "update Update", "update [Update]"],
    ["p->next", "x = p->next;", "x = [p->next];"],
    ["a.c", "abc a.c", "abc [a.c]"],
    ["-main fn", "fn main", "[fn] main"],
    ["sym:parse lang:go", "func parse() go", "func [parse]() go"],
    ["/Read(String|Bytes)\\(/", "r.ReadBytes(x)", "r.[ReadBytes(]x)"],
    ["/(a+)+b/", "aaaaab", "aaaaab"],
    ["/x*/", "no", "no"],
    ["lang:go", "go", "go"],
  ])("%j in %j", (query, line, expected) => {
    expect(marked(query, line)).toBe(expected);
  });

  it("keeps every character of the line", () => {
    const line = "áéí fn(x) 中文 $1 \\d+";
    for (const query of ["fn", "中文", "/./", "/^/", "\\d+", "[", "("]) {
      expect(pieces(line, marker(query)).map((piece) => piece.text).join("")).toBe(line);
    }
  });
});
