"use client";

/** Lines of a file that can be pointed at: by the address, by a click, by a click with shift for a range. */

import { useEffect, useRef, type ReactNode } from "react";
import { formatLines, parseLines, select, within, type LineRange } from "@/lib/lines";

export function CodeLines({ count, children }: { count: number; children: ReactNode }): ReactNode {
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const root = frame.current;
    if (!root) return undefined;
    let anchor: number | null = null;
    let lit: Element[] = [];

    const show = (range: LineRange | null): void => {
      for (const line of lit) line.classList.remove("on");
      lit = [];
      const found = range && within(range, count);
      for (let line = found?.from ?? 1; line <= (found?.to ?? 0); line += 1) {
        const element = document.getElementById(`L${line}`);
        if (element) lit.push(element);
      }
      for (const line of lit) line.classList.add("on");
    };
    const fromAddress = (): void => {
      const range = parseLines(window.location.hash);
      show(range);
      anchor = range?.from ?? null;
      if (lit.length > 0) lit[0]?.scrollIntoView({ block: lit.length > 20 ? "start" : "center" });
    };
    const onClick = (event: MouseEvent): void => {
      if (event.ctrlKey || event.metaKey || event.button !== 0) return;
      const link = event.target instanceof Element ? event.target.closest("a.n") : null;
      const range = parseLines(link?.getAttribute("href") ?? "");
      if (!link || !range) return;
      event.preventDefault();
      const chosen = select(anchor, range.from, event.shiftKey);
      if (!event.shiftKey || anchor === null) anchor = range.from;
      if (event.shiftKey) window.getSelection()?.removeAllRanges();
      // Next listens to its own way of changing the address and would make the page anew.
      History.prototype.replaceState.call(window.history, window.history.state, "", formatLines(chosen));
      show(chosen);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "y" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select")) return;
      const link = document.getElementById("permalink");
      if (link instanceof HTMLAnchorElement) window.location.assign(link.pathname + window.location.hash);
    };

    fromAddress();
    root.addEventListener("click", onClick);
    window.addEventListener("hashchange", fromAddress);
    document.addEventListener("keydown", onKey);
    return () => {
      root.removeEventListener("click", onClick);
      window.removeEventListener("hashchange", fromAddress);
      document.removeEventListener("keydown", onKey);
    };
  }, [count]);

  return <div ref={frame}>{children}</div>;
}
