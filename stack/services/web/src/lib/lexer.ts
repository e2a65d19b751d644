/**
 * Cuts a query into tokens by the rules of docs/query-language.md, so that a filter can be put in or taken out of what
 * somebody typed without touching the rest.
 */

export type TokenKind = "open" | "close" | "or" | "plain" | "phrase" | "regex";

export interface Token {
  kind: TokenKind;
  /** Escapes resolved; of a filter, its value. */
  text: string;
  start: number;
  end: number;
  negated: boolean;
  /** The filter's full name, "" if it is none. */
  filter: string;
}

const FILTERS = new Map(
  ["repo", "org", "lang", "path", "file", "sym", "author", "branch", "before", "after", "is", "type", "case"].map(
    (name) => [name, name],
  ),
)
  .set("r", "repo")
  .set("f", "file")
  .set("l", "lang");

const FILTER = /([a-z]+):(?=[^\s:])/y;
const PHRASE = /"((?:[^"\\]|\\[^])*)"/y;
const REGEX = /\/(?![\s*/])((?:[^/\\]|\\[^])+)\//y;

interface Paren {
  at: number;
  negated: boolean;
  chunk: number;
  alone: boolean;
  groups: boolean;
}

interface Chunk {
  opens: Paren[];
  start: number;
  end: number;
  closes: Paren[];
  body: Token | null;
}

const isSpace = (character: string | undefined): boolean => character !== undefined && /\s/.test(character);

function at(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

/** All tokens of a query; every query has some reading. */
export function lex(query: string): Token[] {
  const chunks: Chunk[] = [];
  let position = 0;
  for (;;) {
    while (isSpace(query[position])) position += 1;
    if (position >= query.length) break;
    const [chunk, next] = readChunk(query, position, chunks.length);
    chunks.push(chunk);
    position = next;
  }
  pair(query, chunks);
  return chunks.flatMap((chunk) => tokensOf(query, chunk));
}

function readChunk(query: string, start: number, number: number): [Chunk, number] {
  const opens: Paren[] = [];
  let position = start;
  for (;;) {
    const negated = query.startsWith("-(", position);
    if (!negated && !query.startsWith("(", position)) break;
    opens.push({ at: position, negated, chunk: number, alone: false, groups: false });
    position += negated ? 2 : 1;
  }
  const found = delimited(query, position);
  let end: number;
  let tail: number;
  if (found) {
    end = found.token.end;
    tail = found.tail;
  } else {
    tail = position;
    while (tail < query.length && !isSpace(query[tail])) tail += 1;
    end = tail - unmatchedAtEnd(query.slice(position, tail));
  }
  let alone = end === position;
  if (alone && opens.length > 0 && tail > end) alone = false;
  const closes: Paren[] = [];
  for (let index = end; index < tail; index += 1) {
    closes.push({ at: index, negated: false, chunk: number, alone, groups: false });
  }
  for (const paren of opens) paren.alone = alone && closes.length === 0;
  return [{ opens, start: position, end, closes, body: found?.token ?? null }, tail];
}

function unmatchedAtEnd(text: string): number {
  let depth = 0;
  let unmatched = 0;
  for (const character of text) {
    if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (character === ")") unmatched += 1;
  }
  return Math.min(unmatched, text.length - text.replace(/\)+$/, "").length);
}

function delimited(query: string, start: number): { token: Token; tail: number } | null {
  const negated = query[start] === "-";
  let position = negated ? start + 1 : start;
  const name = at(FILTER, query, position);
  const filter = (name && FILTERS.get(name[1] ?? "")) ?? "";
  if (name && filter !== "") position += name[0].length;
  const phrase = at(PHRASE, query, position);
  const found = phrase ?? at(REGEX, query, position);
  if (!found) return null;
  const end = position + found[0].length;
  let tail = end;
  while (query[tail] === ")") tail += 1;
  if (tail < query.length && !isSpace(query[tail])) return null;
  const inner = found[1] ?? "";
  const text = phrase ? inner.replace(/\\(["\\])/g, "$1") : inner.replace(/\\([^])/g, (all, c: string) => (c === "/" ? c : all));
  return { token: { kind: phrase ? "phrase" : "regex", text, start, end, negated, filter }, tail };
}

function isOr(query: string, chunk: Chunk): boolean {
  return chunk.opens.length === 0 && chunk.closes.length === 0 && /^(?:or|OR)$/.test(query.slice(chunk.start, chunk.end));
}

/** Mark the parentheses that group. */
function pair(query: string, chunks: readonly Chunk[]): void {
  const ors = chunks.map((chunk) => isOr(query, chunk));
  const waiting: Paren[] = [];
  const pairs: Array<[Paren, Paren]> = [];
  for (const chunk of chunks) {
    waiting.push(...chunk.opens);
    for (const close of chunk.closes) {
      const open = waiting.pop();
      if (open) pairs.push([open, close]);
    }
  }
  let outerUntil = -1;
  for (const [open, close] of pairs.sort((a, b) => a[0].at - b[0].at)) {
    const alternatives = ors.slice(open.chunk + 1, close.chunk).includes(true);
    const alone = open.alone && close.alone && close.chunk - open.chunk > 1;
    if (alone || alternatives || close.at < outerUntil) open.groups = close.groups = true;
    if (alternatives) outerUntil = Math.max(outerUntil, close.at);
  }
}

/** Tokens of a chunk; parentheses that do not group are given back to the text they touch. */
function tokensOf(query: string, chunk: Chunk): Token[] {
  const tokens: Token[] = [];
  const whole = chunk.body === null;
  let { start, end } = chunk;
  let loose: Paren[] = [];
  const literal = (paren: Paren): Token => text(query, paren.at, paren.at + (paren.negated ? 2 : 1));
  for (const paren of chunk.opens) {
    if (paren.groups) {
      tokens.push(...loose.map(literal));
      loose = [];
      const width = paren.negated ? 2 : 1;
      tokens.push({ kind: "open", text: "(", start: paren.at, end: paren.at + width, negated: paren.negated, filter: "" });
    } else {
      loose.push(paren);
    }
  }
  if (loose[0] && whole) start = loose[0].at;
  else tokens.push(...loose.map(literal));
  const after: Token[] = [];
  for (const paren of chunk.closes) {
    if (paren.groups) {
      after.push({ kind: "close", text: ")", start: paren.at, end: paren.at + 1, negated: false, filter: "" });
    } else if (whole && after.length === 0) {
      end = paren.at + 1;
    } else {
      after.push(literal(paren));
    }
  }
  if (chunk.body) tokens.push(chunk.body);
  else if (end > start) tokens.push(plain(query, start, end));
  return [...tokens, ...after];
}

function text(query: string, start: number, end: number): Token {
  return { kind: "plain", text: query.slice(start, end), start, end, negated: false, filter: "" };
}

function plain(query: string, start: number, end: number): Token {
  const source = query.slice(start, end);
  if (source === "or" || source === "OR") {
    return { kind: "or", text: source, start, end, negated: false, filter: "" };
  }
  const negated = negates(source);
  let value = negated ? source.slice(1) : source;
  const name = at(FILTER, value, 0);
  const filter = (name && FILTERS.get(name[1] ?? "")) ?? "";
  if (name && filter !== "") value = value.slice(name[0].length);
  return { kind: "plain", text: value, start, end, negated, filter };
}

/** `-word` and `-repo:x` negate; `-`, `->`, `--flag`, `-5` and the flag `-r` are text. */
function negates(source: string): boolean {
  const rest = source.slice(1);
  if (!source.startsWith("-") || !/^[\p{L}_]/u.test(rest)) return false;
  return rest.length > 1 || /[^\u0000-\u007f]/.test(rest);
}
