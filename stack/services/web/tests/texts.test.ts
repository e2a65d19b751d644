import { describe, expect, it } from "vitest";
import { difference } from "@/lib/diff";
import { colour, grammar, linesOf, MOST_COLOURED, numbered, splitLines } from "@/lib/highlight";
import { Kept } from "@/lib/kept";
import { isMarkdown, readmeOf, renderMarkdown, slugOf } from "@/lib/markdown";
import { ago, bytes, count, counted, day, seconds } from "@/lib/time";

const textOf = (html: string): string =>
  html.replace(/<[^>]*>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#x27;|&#39;/g, "'").replace(/&amp;/g, "&");

describe("coloured code", () => {
  const source = 'fn main() {\n    /* a\n       <b> */\n    let x = "&";\n}\n';

  it("has the lines of the file, each complete in itself", () => {
    const { lines, isColoured } = colour(source, "Rust");
    expect(isColoured).toBe(true);
    expect(lines.map(textOf)).toEqual(["fn main() {", "    /* a", "       <b> */", '    let x = "&";', "}"]);
    for (const line of lines) {
      expect(line.match(/<span/g)?.length ?? 0).toBe(line.match(/<\/span>/g)?.length ?? 0);
    }
    expect(lines[2]).toMatch(/^<span class="hljs-comment">/);
  });

  it.each(["Rust", "Go", "Python", "TypeScript", "C++", "C#", "Shell", "TOML", "Protocol Buffer", "Dockerfile", "Makefile", "YAML", "HTML", "Java"])(
    "knows %s",
    (language) => {
      expect(grammar(language)).not.toBeNull();
    },
  );

  it("leaves plain what it does not know, and what is large, and escapes it all the same", () => {
    expect(colour("<x>", "No Such Language")).toEqual({ lines: ["&lt;x&gt;"], isColoured: false });
    expect(colour("x".repeat(MOST_COLOURED + 1), "Rust").isColoured).toBe(false);
    expect(colour(`${"x".repeat(6_000)}\n`, "Rust").isColoured).toBe(false);
  });

  it("lets nothing of the file become markup", () => {
    const evil = '</span></code><script>alert(1)</script>"\'&\n';
    for (const language of ["HTML", "JavaScript", "Markdown", ""]) {
      const { lines } = colour(evil, language);
      expect(lines.join("\n")).not.toMatch(/<(?!\/?span)/);
      expect(textOf(lines.join("\n"))).toBe(evil.trimEnd());
    }
  });

  it("opens again on the next line what was open", () => {
    expect(splitLines('<span class="a">x\n<span class="b">y\nz</span></span>w')).toEqual([
      '<span class="a">x</span>',
      '<span class="a"><span class="b">y</span></span>',
      '<span class="a"><span class="b">z</span></span>w',
    ]);
  });

  it("numbers lines from 1 with anchors", () => {
    expect(numbered({ lines: ["a", "b"], isColoured: false })).toBe(
      '<span class="l" id="L1"><a class="n" href="#L1" aria-label="Line 1"></a>a\n</span><span class="l" id="L2"><a class="n" href="#L2" aria-label="Line 2"></a>b\n</span>',
    );
  });

  it("counts lines as people do", () => {
    expect(linesOf("a\nb\n")).toEqual(["a", "b"]);
    expect(linesOf("a\r\nb")).toEqual(["a", "b"]);
    expect(linesOf("a\n\n")).toEqual(["a", ""]);
    expect(linesOf("")).toEqual([""]);
  });

  it("is remembered by what it was made of", () => {
    const once = colour("let a = 1;", "Rust", "1234");
    expect(colour("let a = 1;", "Rust", "1234")).toBe(once);
    expect(colour("let a = 1;", "Go", "1234")).not.toBe(once);
  });
});

describe("what is kept", () => {
  it("goes when there is no room, what was wanted longest ago first", () => {
    const kept = new Kept<string>(10);
    kept.keep("a", "A", 5);
    kept.keep("b", "B", 5);
    expect(kept.find("a")).toBe("A");
    kept.keep("c", "C", 5);
    expect([kept.find("a"), kept.find("b"), kept.find("c")]).toEqual(["A", undefined, "C"]);
    kept.keep("huge", "H", 11);
    expect(kept.find("huge")).toBeUndefined();
  });
});

describe("what people wrote", () => {
  const base = { fullName: "ada/kit", ref: "feature/x", folder: "docs" };

  it("does nothing, whatever it says", () => {
    const html = renderMarkdown(
      [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)" onclick="x()">a</a>',
        "[b](javascript:alert(1)) [c](data:text/html,x) [d](vbscript:x)",
        '<p style="position:fixed">p</p>',
        '<iframe src="/login"></iframe><form action="/logout"><button>x</button></form>',
        '<svg><script>1</script></svg><math><mi xlink:href="javascript:1">',
        "<a href=\"java\nscript:alert(1)\">e</a>",
        '<div id="main" class="top">f</div>',
      ].join("\n\n"),
      base,
    );
    expect(html).not.toMatch(/<(?:script|iframe|form|button|svg|math|style)|\son\w+=|style=|href="\s*(?:javascript|data|vbscript)|class="top"|id="main"/i);
  });

  it("leads to files of the same branch", () => {
    expect(renderMarkdown("[x](a%20b.md#use) [y](../src/x.rs#L3) [z](/top.md) [w](#Use)", base)).toBe(
      '<p><a href="/ada/kit/blob/feature/x/docs/a%20b.md#md-use">x</a> <a href="/ada/kit/blob/feature/x/src/x.rs#L3">y</a> ' +
        '<a href="/ada/kit/blob/feature/x/top.md">z</a> <a href="#md-Use">w</a></p>\n',
    );
  });

  it("shows pictures of the repository, and names those from elsewhere", () => {
    expect(renderMarkdown("![l](logo.svg)", base)).toContain('src="/ada/kit/raw/feature/x/docs/logo.svg"');
    const elsewhere = renderMarkdown("![badge](https://elsewhere.example/b.svg) <img src='//elsewhere.example/x.png'>", base);
    expect(elsewhere).not.toContain("<img");
    expect(elsewhere).toContain(">badge</span>");
  });

  it("leads from one page of a wiki to another", () => {
    const wiki = { fullName: "ada/kit", ref: "", folder: "guides", isWiki: true };
    expect(renderMarkdown("[a](Building) [b](../Home.md)", wiki)).toBe(
      '<p><a href="/ada/kit/wiki/guides/Building">a</a> <a href="/ada/kit/wiki/Home">b</a></p>\n',
    );
  });

  it("gives headings anchors and keeps the first level for the page", () => {
    const html = renderMarkdown("# One two\n\n## One two\n");
    expect(html).toContain('<h2 id="md-one-two">');
    expect(html).toContain('<h3 id="md-one-two-1">');
    expect(slugOf("Über `x`, y!")).toBe("über-x-y");
  });

  it("colours code that says what it is", () => {
    expect(renderMarkdown("```rust\nfn x() {}\n```")).toContain("hljs-keyword");
    expect(renderMarkdown("```evil<b>\n<i>\n```")).not.toContain("<i>");
  });

  it("is told by its name", () => {
    expect(isMarkdown("a/README.MD")).toBe(true);
    expect(isMarkdown("a.mdx")).toBe(false);
    expect(readmeOf(["a.md", "README", "readme.rst", "Readme.md"])).toBe("Readme.md");
    expect(readmeOf(["README", "x"])).toBe("README");
    expect(readmeOf(["x"])).toBeNull();
  });
});

describe("differences", () => {
  it("are shown with the numbers of both sides", () => {
    const made = difference("a\nb\nc\n", "a\nB\nc\nd\n");
    expect(made).toMatchObject({ added: 2, removed: 1 });
    expect(made?.hunks[0]?.lines.map((line) => [line.kind, line.before, line.after, line.text])).toEqual([
      ["same", 1, 1, "a"],
      ["removed", 2, null, "b"],
      ["added", null, 2, "B"],
      ["same", 3, 3, "c"],
      ["added", null, 4, "d"],
    ]);
  });

  it("of texts that have nothing in common are given up", () => {
    const many = (word: string): string => Array.from({ length: 5_000 }, (_, index) => `${word}${index}`).join("\n");
    expect(difference(many("a"), many("b"))).toBeNull();
  });

  it("of the same text are none", () => {
    expect(difference("a\n", "a\n")?.hunks).toEqual([]);
  });
});

describe("times and numbers", () => {
  const now = new Date("2026-03-10T12:00:00Z");

  it.each([
    ["2026-03-10T11:59:30Z", "just now"],
    ["2026-03-10T12:00:30Z", "just now"],
    ["2026-03-10T11:58:00Z", "2 minutes ago"],
    ["2026-03-10T10:59:00Z", "1 hour ago"],
    ["2026-03-08T12:00:00Z", "2 days ago"],
    ["2026-01-01T12:00:00Z", "2 months ago"],
    ["2023-01-01T12:00:00Z", "3 years ago"],
    ["nonsense", ""],
  ])("%s is %s", (when, expected) => {
    expect(ago(new Date(when), now)).toBe(expected);
  });

  it("are written for people", () => {
    expect(day(new Date("2024-03-07T23:59:00Z"))).toBe("7 Mar 2024");
    expect(day(new Date("x"))).toBe("");
    expect([count(999), count(1000), count(1234567)]).toEqual(["999", "1,000", "1,234,567"]);
    expect([counted(1, "file"), counted(2, "file"), counted(0, "branch", "branches")]).toEqual(["1 file", "2 files", "0 branches"]);
    expect([bytes(5), bytes(1536), bytes(50 * 1024), bytes(3 * 1024 ** 3)]).toEqual(["5 B", "1.5 KiB", "50 KiB", "3.0 GiB"]);
    expect([seconds(0.25), seconds(42), seconds(125)]).toEqual(["0.3 s", "42 s", "2 min 5 s"]);
  });
});
