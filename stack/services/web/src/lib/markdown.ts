/** What people wrote, as HTML that can do nothing: no scripts, no styles, no pictures from elsewhere. */

import hljs from "highlight.js";
import MarkdownIt from "markdown-it";
import sanitize from "sanitize-html";
import { grammar } from "./highlight";
import { escapeHtml } from "./html";
import { encodeParts } from "./urls";

/** Where a text is, so that its relative links lead somewhere. */
export interface Base {
  fullName: string;
  ref: string;
  folder: string;
  /** Of a page of the wiki: its links lead to other pages. */
  isWiki?: boolean;
}

const MOST_TEXT = 512 * 1024;

const markdown = new MarkdownIt({ html: true, linkify: true, highlight: coloured });

function coloured(code: string, info: string): string {
  const name = grammar(info);
  if (name === null || code.length > 64 * 1024) return escapeHtml(code);
  return hljs.highlight(code, { language: name, ignoreIllegals: true }).value;
}

const HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"];

const ALLOWED: sanitize.IOptions = {
  allowedTags: [
    ...HEADINGS, "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i",
    "img", "ins", "kbd", "li", "ol", "p", "picture", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var",
  ], // prettier-ignore
  allowedAttributes: {
    a: ["href", "title", "id", "rel"],
    code: ["class"],
    details: ["open"],
    img: ["src", "alt", "title", "width", "height", "loading"],
    li: ["value"],
    ol: ["start"],
    span: ["class", "title"],
    td: ["align", "colspan", "rowspan"],
    th: ["align", "colspan", "rowspan", "scope"],
    ...Object.fromEntries(["div", "p", "h1", "h2", "h3", "h4", "h5", "h6"].map((tag) => [tag, ["align", "id"]])),
  },
  allowedClasses: { code: ["language-*"], span: ["hljs-*", "elsewhere"] },
  allowedSchemes: ["http", "https", "mailto"],
  allowedSchemesAppliedToAttributes: ["href", "src"],
  allowProtocolRelative: false,
  nestingLimit: 64,
};

/** Markdown as HTML. */
export function renderMarkdown(text: string, base: Base | null = null): string {
  if (text.length > MOST_TEXT) return `<pre>${escapeHtml(text)}</pre>`;
  const used = new Map<string, number>();
  return sanitize(withAnchors(markdown.render(text), used), {
    ...ALLOWED,
    transformTags: {
      "*": (tagName, attribs) => ({ tagName, attribs: withOwnId(attribs) }),
      a: (tagName, attribs) => ({ tagName, attribs: { ...attribs, ...linkOf(attribs, base) } }),
      img: (_, attributes) => pictureOf(attributes, base),
      ...Object.fromEntries(
        // The page has one heading of the first level, and it is the page's.
        HEADINGS.map((tag, level) => [tag, sanitize.simpleTransform(HEADINGS[Math.min(level + 1, 5)] ?? tag, {})]),
      ),
    },
  });
}

/** Headings can be linked to; their ids begin with `md-`, so that they are never taken for those of the page. */
function withAnchors(html: string, used: Map<string, number>): string {
  return html.replace(/<(h[1-6])>([^]*?)<\/\1>/g, (_, tag: string, inner: string) => {
    const slug = slugOf(inner.replace(/<[^>]*>/g, "").replace(/&[a-z#0-9]+;/g, ""));
    const times = used.get(slug) ?? 0;
    used.set(slug, times + 1);
    return `<${tag} id="md-${slug}${times > 0 ? `-${times}` : ""}">${inner}</${tag}>`;
  });
}

export function slugOf(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

/** Ids of a text are never those of the page around it. */
function withOwnId({ id, ...rest }: Partial<sanitize.Attributes>): sanitize.Attributes {
  return (id ? { ...rest, id: `md-${id.replace(/^md-/, "")}` } : rest) as sanitize.Attributes;
}

function linkOf({ href = "" }: Partial<sanitize.Attributes>, base: Base | null): sanitize.Attributes {
  if (href.startsWith("#")) return { href: `#md-${href.slice(1).replace(/^md-/, "")}` };
  if (isElsewhere(href)) return { href, rel: "nofollow noopener noreferrer" };
  return { href: inside(href, base, "blob") };
}

/** A picture of the repository is shown; one from elsewhere would tell its host who reads this. */
function pictureOf(attributes: sanitize.Attributes, base: Base | null): sanitize.Tag {
  const { src = "", alt = "" } = attributes;
  if (isElsewhere(src) || base?.isWiki || (base === null && !src.startsWith("/"))) {
    return { tagName: "span", attribs: { class: "elsewhere", title: "A picture from elsewhere is not loaded" }, text: alt || "picture" };
  }
  return { tagName: "img", attribs: { ...attributes, alt, src: inside(src, base, "raw"), loading: "lazy" } };
}

const isElsewhere = (address: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(address) || /^[/\\]{2}/.test(address);

function inside(address: string, base: Base | null, kind: "blob" | "raw"): string {
  if (base === null || address === "") return address;
  const file = address.replace(/[?#][^]*$/, "");
  const rest = address.slice(file.length);
  const parts = file.startsWith("/") ? [] : base.folder.split("/").filter(Boolean);
  for (const part of file.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(decoded(part));
  }
  if (base.isWiki) return `/${encodeParts(base.fullName)}/wiki/${encodeParts(parts.join("/").replace(/\.md$/i, ""))}${rest}`;
  const hash = rest.startsWith("#") && !/^#L\d/.test(rest) ? `#md-${rest.slice(1)}` : rest;
  return `/${encodeParts(base.fullName)}/${kind}/${encodeParts(base.ref)}/${encodeParts(parts.join("/"))}${hash}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whether a file is one that is shown as a text with headings and links. */
export const isMarkdown = (name: string): boolean => /\.(?:md|markdown|mdown|mkd)$/i.test(name);

/** The file that tells about a folder, if there is one. */
export function readmeOf(names: readonly string[]): string | null {
  const order = [/^readme\.(?:md|markdown)$/i, /^readme\.(?:rst|txt|adoc|asciidoc|org)$/i, /^readme$/i];
  for (const pattern of order) {
    const found = names.find((name) => pattern.test(name));
    if (found !== undefined) return found;
  }
  return null;
}
