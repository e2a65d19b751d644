"use client";

/** What was found. */

import { useMemo, type ReactNode } from "react";
import { marker, pieces, type Marker } from "@/lib/query";
import { day } from "@/lib/time";
import { isCodeHit, type CodeHit, type HitLine, type RecordHit } from "@/lib/types";
import { encodeParts } from "@/lib/urls";
import { stateIcon, type WorkState } from "../bits";
import { Icon, Language, type IconName } from "../icons";

export function Hits({ hits, q }: { hits: ReadonlyArray<CodeHit | RecordHit>; q: string }): ReactNode {
  const marks = useMemo(() => marker(q), [q]);
  return (
    <ol className="hits">
      {hits.map((hit) =>
        isCodeHit(hit) ? <CodeCard key={hit.url} hit={hit} marks={marks} /> : <RecordCard key={`${hit.kind} ${hit.url}`} hit={hit} marks={marks} />,
      )}
    </ol>
  );
}

function Marked({ text, marks }: { text: string; marks: Marker }): ReactNode {
  return pieces(text, marks).map((piece, index) => (piece.marked ? <mark key={index}>{piece.text}</mark> : piece.text));
}

const STATUS: Readonly<Record<string, string>> = {
  binary: "not text",
  empty: "empty",
  corrupt_object: "damaged",
  lossy: "odd encoding",
  missing_object: "missing in git",
  symlink: "link",
  submodule: "submodule",
  symbols_failed: "no symbols",
  symbols_timed_out: "no symbols",
  too_large: "too large: found by its name",
};

const when = (seconds: number): string => (seconds > 0 ? day(new Date(seconds * 1000)) : "");

function CodeCard({ hit, marks }: { hit: CodeHit; marks: Marker }): ReactNode {
  const file = `/${encodeParts(hit.repository)}/blob/${hit.commit}/${encodeParts(hit.path)}`;
  const cut = hit.path.lastIndexOf("/") + 1;
  const lines = [...hit.lines].sort((a, b) => a.number - b.number);
  return (
    <li className="hit" data-hit={hit.path} data-language={hit.language}>
      <header>
        <Icon name="file" />
        <p className="where">
          <a className="repo" href={`/${encodeParts(hit.repository)}`}>{hit.repository}</a>
          <a className="file" href={hit.url}>
            <span className="folder"><Marked text={hit.path.slice(0, cut)} marks={marks} /></span>
            <Marked text={hit.path.slice(cut)} marks={marks} />
          </a>
        </p>
        {hit.symbol !== "" && <span className={`symbol ${hit.kind}`}><span className="kind">{hit.kind}</span>{hit.symbol}</span>}
        {STATUS[hit.status] !== undefined && <span className="badge">{STATUS[hit.status]}</span>}
      </header>
      {lines.length > 0 && (
        <div className="lines">
          {lines.map((line, index) => <LineRow key={line.number} line={line} before={lines[index - 1]} file={file} best={hit.line} marks={marks} />)}
        </div>
      )}
      <footer>
        <Language name={hit.language} />
        {hit.author && <span>{hit.author}</span>}
        {hit.date > 0 && <time dateTime={new Date(hit.date * 1000).toISOString()}>{when(hit.date)}</time>}
      </footer>
    </li>
  );
}

function LineRow({ line, before, file, best, marks }: {
  line: HitLine;
  before: HitLine | undefined;
  file: string;
  best: number;
  marks: Marker;
}): ReactNode {
  const isGap = before !== undefined && line.number - before.number > 1;
  return (
    <>
      {isGap && <div className="gap" aria-hidden="true">⋯</div>}
      <a className={line.hit ? "line hit-line" : "line"} href={`${file}#L${line.number}`} data-line={line.number} tabIndex={line.number === best ? undefined : -1}>
        <span className="n">{line.number}</span>
        <code>{line.hit ? <Marked text={line.text} marks={marks} /> : line.text}</code>
      </a>
    </>
  );
}

const KINDS: Readonly<Record<string, IconName>> = {
  wiki: "wiki",
  user: "users",
  organization: "users",
  repository: "book",
};

function RecordCard({ hit, marks }: { hit: RecordHit; marks: Marker }): ReactNode {
  const isWork = hit.kind === "issue" || hit.kind === "pull_request";
  const state = (["open", "closed", "merged"].includes(hit.state) ? hit.state : "open") as WorkState;
  const place = hit.number > 0 ? `${hit.repository} #${hit.number}` : hit.repository;
  return (
    <li className="hit record" data-hit={hit.url}>
      <span className={isWork ? `state-icon ${state}` : "state-icon"}>
        <Icon name={isWork ? stateIcon(state, hit.kind === "pull_request") : (KINDS[hit.kind] ?? "file")} />
      </span>
      <div className="what">
        <a className="title" href={hit.url}><Marked text={hit.title} marks={marks} /></a>
        <p className="muted">
          {[place === hit.title ? "" : place, isWork ? hit.state : "", isWork || hit.kind === "wiki" ? hit.author : "", hit.updated > 0 ? when(hit.updated) : ""]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
    </li>
  );
}
