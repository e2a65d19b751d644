/** Where pages put HTML that was made on the server: text of people, and source code. */

import type { ReactNode } from "react";
import { request } from "@/lib/bridge";
import { renderMarkdown, type Base } from "@/lib/markdown";
import { ReadyMade } from "./ready-made";

/** Made HTML; whoever calls this vouches for it. */
export function Prepared({ html, className }: { html: string; className: string }): ReactNode {
  const { readyMade } = request();
  const id = String(readyMade.size);
  readyMade.set(id, html);
  return <ReadyMade id={id} className={className} />;
}

export function Markdown({ text, base = null }: { text: string; base?: Base | null }): ReactNode {
  return <Prepared html={renderMarkdown(text, base)} className="prose" />;
}
