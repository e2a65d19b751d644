/** Source code as HTML, line by line, coloured on the server. */

import hljs from "highlight.js";
import { escapeHtml } from "./html";
import { Kept } from "./kept";

/** Beyond these a file is shown plain: colouring takes time that grows with the text, and nobody else is served then. */
export const MOST_COLOURED = 256 * 1024;
const MOST_LINES = 8_000;
const LONGEST_LINE = 5_000;

/** Display names of the forge where highlight.js has another name. */
const NAMES: Readonly<Record<string, string>> = {
  "Common Lisp": "lisp",
  "Emacs Lisp": "lisp",
  "F#": "fsharp",
  "Jupyter Notebook": "json",
  "Objective-C++": "objectivec",
  "Protocol Buffer": "protobuf",
  "Visual Basic .NET": "vbnet",
  Assembly: "x86asm",
  Batchfile: "dos",
  Cython: "python",
  HCL: "ini",
  JSONC: "json",
  Shell: "bash",
  Starlark: "python",
  Svelte: "xml",
  Svg: "xml",
  SVG: "xml",
  TOML: "ini",
  TSX: "typescript",
  JSX: "javascript",
  Vue: "xml",
};

/** What highlight.js calls a language; null for one that it does not know. */
export function grammar(language: string): string | null {
  const name = NAMES[language] ?? language.toLowerCase();
  return hljs.getLanguage(name) ? name : null;
}

/** The lines of a file; a last empty one is none. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}

export interface Coloured {
  /** HTML of each line. */
  lines: string[];
  isColoured: boolean;
}

const kept = new Kept<Coloured>(32 * 1024 * 1024);

/**
 * Colour a file.
 *
 * @param key what names exactly this text, such as its object id, to remember the answer by; "" not to.
 */
export function colour(text: string, language: string, key = ""): Coloured {
  const name = grammar(language);
  if (name === null || text.length > MOST_COLOURED) return plain(text);
  const lines = linesOf(text);
  if (lines.length > MOST_LINES || lines.some((line) => line.length > LONGEST_LINE)) return plain(text);
  const known = key === "" ? undefined : kept.find(`${name}:${key}`);
  if (known) return known;
  const html = hljs.highlight(lines.join("\n"), { language: name, ignoreIllegals: true }).value;
  const made = { lines: splitLines(html), isColoured: true };
  if (key !== "") kept.keep(`${name}:${key}`, made, html.length * 2);
  return made;
}

function plain(text: string): Coloured {
  return { lines: linesOf(text).map(escapeHtml), isColoured: false };
}

/** Cut coloured HTML at line ends; what is open there is closed, and opened again on the next line. */
export function splitLines(html: string): string[] {
  const lines: string[] = [];
  const open: string[] = [];
  let line = "";
  for (const [token] of html.matchAll(/<span[^>]*>|<\/span>|\n|[^<\n]+|</g)) {
    if (token === "\n") {
      lines.push(line + "</span>".repeat(open.length));
      line = open.join("");
    } else {
      if (token.startsWith("<span")) open.push(token);
      else if (token === "</span>") open.pop();
      line += token;
    }
  }
  lines.push(line + "</span>".repeat(open.length));
  return lines;
}

/** A file's lines with numbers that are links; the numbers themselves come from a CSS counter, so nobody copies them. */
export function numbered({ lines }: Coloured): string {
  return lines
    .map((line, index) => `<span class="l" id="L${index + 1}"><a class="n" href="#L${index + 1}" aria-label="Line ${index + 1}"></a>${line}\n</span>`)
    .join("");
}
