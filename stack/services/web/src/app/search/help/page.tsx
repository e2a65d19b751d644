import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { guarded } from "@/lib/guard";
import { query } from "@/lib/urls";

const TEXT: ReadonlyArray<readonly [string, string]> = [
  ["users", "the word, in code and in names, in any case; also as a part of a compound name such as list_users or getUsers"],
  ["std::vector", "exactly these characters: whatever has punctuation is taken as it stands"],
  ['"exact text"', "exactly this text, anywhere, even inside a longer word"],
  ["/Read(String|Bytes)\\(/", "what the expression matches (RE2); ^ and $ are the ends of a line"],
];

const COMBINED: ReadonlyArray<readonly [string, string]> = [
  ["parse url", "both"],
  ["TODO or FIXME", "either; binds weaker than standing side by side"],
  ["main -is:test", "without: put a - before a word, a text, an expression, a filter or a group"],
  ["(open or close) file", "a group"],
];

const FILTERS: ReadonlyArray<readonly [string, string]> = [
  ["repo:", "app, acme/app, acme/*"],
  ["org:", "owner of the repository"],
  ["lang:", "rust, c++, golang, or an extension such as py"],
  ["path:", "a folder, a file, or a pattern: path:src/net, path:*.go, path:src/**/*.go"],
  ["file:", "the file's own name: file:main.rs, file:*_test.go"],
  ["sym:", "the name of something that is defined: sym:ReadString, sym:Read*"],
  ["author:", 'who changed the file last, or opened the issue: author:"Jane Doe"'],
  ["after: before:", "2024, 2024-03, 2024-03-31; after: includes the day it names, before: does not"],
  ["branch:", "the branch that is indexed"],
  ["type:", "code (usual), issue, pr, wiki, user, org, repo, path, symbol"],
  ["is:", "public private archived fork, open closed merged, test vendored generated"],
  ["case:", "yes, no or auto"],
];

const KEYS: ReadonlyArray<readonly [string, string]> = [
  ["/", "go to the search"],
  ["↓ ↑", "choose a suggestion"],
  ["Enter", "go to the suggestion, or search"],
  ["Esc", "close the suggestions; again: leave the field"],
  ["y", "on a file: its permalink"],
];

export default function Help(): Promise<ReactNode> {
  return guarded(() =>
    Promise.resolve(
      <article className="help">
        <Title of="How to search" />
        <h1>How to search</h1>
        <p>Type what you are looking for. Words side by side must all occur; everything else is optional.</p>
        <h2>Text</h2>
        <Examples of={TEXT} isLinked />
        <p className="muted">Words ignore case. Exact text and expressions ignore it too, unless they hold an upper-case letter.</p>
        <h2>Combining</h2>
        <Examples of={COMBINED} isLinked />
        <h2>Filters</h2>
        <Examples of={FILTERS} />
        <p className="muted">A colon makes a filter only after one of these names. <code>https://…</code> and <code>std::vector</code> are text. A value with blanks goes in quotation marks.</p>
        <h2>Keys</h2>
        <Examples of={KEYS} />
      </article>,
    ),
  );
}

function Examples({ of, isLinked = false }: { of: ReadonlyArray<readonly [string, string]>; isLinked?: boolean }): ReactNode {
  return (
    <dl className="examples">
      {of.map(([example, meaning]) => (
        <div key={example}>
          <dt>{isLinked ? <a href={`/search${query({ q: example })}`}><code>{example}</code></a> : <code>{example}</code>}</dt>
          <dd>{meaning}</dd>
        </div>
      ))}
    </dl>
  );
}
