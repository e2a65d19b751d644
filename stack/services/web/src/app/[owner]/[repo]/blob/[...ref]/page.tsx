import type { ReactNode } from "react";
import { Title } from "@/components/bits";
import { CodeLines } from "@/components/code-lines";
import { Icon, Language } from "@/components/icons";
import { Crumbs, RefLink } from "@/components/places";
import { Markdown, Prepared } from "@/components/prepared";
import { RepoFrame } from "@/components/repo-frame";
import { get, p } from "@/lib/api";
import { guarded, nothing, search } from "@/lib/guard";
import { colour, numbered } from "@/lib/highlight";
import { me, place, repository } from "@/lib/load";
import { isMarkdown } from "@/lib/markdown";
import { bytes, counted } from "@/lib/time";
import type { SourceFile } from "@/lib/types";
import { atRef } from "@/lib/urls";

const PICTURE = /\.(?:png|jpe?g|gif|webp|svg|ico|bmp|avif)$/i;

export default function BlobPage(): Promise<ReactNode> {
  return guarded(async () => {
    const [repo, user] = await Promise.all([repository(), me()]);
    const { ref, path } = await place(repo);
    if (path === "") throw nothing("There is no such file");
    const file = await get<SourceFile>(p`/repos/${repo.owner}/${repo.name}/file`, { ref, path });
    const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const isProse = isMarkdown(path) && !file.binary && search().get("plain") === null;
    const here = atRef("blob", repo.full_name, ref, path);
    return (
      <RepoFrame repo={repo} tab="code" isSignedIn={user !== null}>
        <Title of={`${path} at ${ref} · ${repo.full_name}`} />
        <h1 className="hidden">{path}</h1>
        <div className="bar">
          <RefLink repo={repo} refName={ref} />
          <Crumbs repo={repo} refName={ref} path={path} isFile />
        </div>
        <section className="box" aria-label={path}>
          <div className="box-head">
            <Language name={file.language} />
            <span className="muted">{bytes(file.size)}</span>
            {file.encoding !== "utf-8" && !file.binary && <span className="muted">{file.encoding}</span>}
            <span className="grow" />
            {isMarkdown(path) && (
              <a className="button small" href={isProse ? `${here}?plain=1` : here}>{isProse ? "Source" : "Rendered"}</a>
            )}
            <a className="button small" href={atRef("commits", repo.full_name, ref, path)}><Icon name="history" />History</a>
            <a className="button small" href={atRef("raw", repo.full_name, ref, path)}>Raw</a>
            <a className="button small" id="permalink" href={atRef("blob", repo.full_name, file.commit, path)} title="Link to this version (y)">
              <Icon name="link" />Permalink
            </a>
          </div>
          <Content file={file} isProse={isProse} raw={atRef("raw", repo.full_name, ref, path)} base={{ fullName: repo.full_name, ref, folder }} />
        </section>
      </RepoFrame>
    );
  });
}

function Content({ file, isProse, raw, base }: {
  file: SourceFile;
  isProse: boolean;
  raw: string;
  base: { fullName: string; ref: string; folder: string };
}): ReactNode {
  if (PICTURE.test(file.path) && (file.binary || /\.svg$/i.test(file.path)) && !file.truncated) {
    return <div className="picture"><img src={raw} alt={file.path} /></div>;
  }
  if (file.binary) return <p className="box-note">This file is not text. <a href={raw}>Download it</a> to see it.</p>;
  if (file.content === "" && file.size === 0) return <p className="box-note">This file is empty.</p>;
  if (file.content === "") return <p className="box-note">This file is too large to be shown. <a href={raw}>See it as it is</a>.</p>;
  if (isProse) return <Markdown text={file.content} base={base} />;
  const coloured = colour(file.content, file.language, file.truncated ? "" : file.id);
  return (
    <>
      {file.truncated && (
        <p className="box-note">Only the beginning is shown: {counted(coloured.lines.length, "line")}. <a href={raw}>See the whole file</a>.</p>
      )}
      <CodeLines count={coloured.lines.length}>
        <Prepared html={`<pre><code>${numbered(coloured)}</code></pre>`} className="code" />
      </CodeLines>
    </>
  );
}
