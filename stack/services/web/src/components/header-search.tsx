"use client";

/** The search in the head of every page; `/` goes there. */

import { useEffect, useRef, type ReactNode } from "react";
import { Icon } from "./icons";

/** Whether a key was meant for a field. */
export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

/** Go to a field when `/` is pressed anywhere else. */
export function useSlash(field: React.RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    document.addEventListener("keydown", onKey);
    return () => { document.removeEventListener("keydown", onKey); };
  }, [field]);
}

export function HeaderSearch(): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  useSlash(field);
  return (
    <form action="/search" className="top-search" role="search">
      <Icon name="search" />
      <input ref={field} type="search" name="q" placeholder="Search code and more" aria-label="Search" autoComplete="off"
        spellCheck={false} autoCapitalize="none" aria-keyshortcuts="/" />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}
