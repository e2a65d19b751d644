"use client";

/** The field with its suggestions: an ARIA combobox with a list. */

import { useEffect, useId, useState, type ReactNode, type RefObject } from "react";
import { LONGEST } from "@/lib/asking";
import type { SearchType } from "@/lib/query";
import type { Suggestion } from "@/lib/types";
import { Icon, type IconName } from "../icons";

const PAUSE_MS = 90;
const ICONS: Readonly<Record<Suggestion["kind"], IconName>> = {
  symbol: "code",
  file: "file",
  repo: "book",
  user: "users",
  org: "users",
  query: "search",
};
const KINDS: Readonly<Record<Suggestion["kind"], string>> = {
  symbol: "Symbol",
  file: "File",
  repo: "Repository",
  user: "User",
  org: "Organisation",
  query: "Search",
};

/** Suggestions for a text; those for an older text are never given. */
function useSuggestions(text: string, isWanted: boolean): readonly Suggestion[] {
  const [found, setFound] = useState<{ text: string; list: readonly Suggestion[] }>({ text: "", list: [] });
  useEffect(() => {
    const asked = text.trim();
    if (!isWanted || asked === "") return undefined;
    const control = new AbortController();
    const timer = window.setTimeout(() => {
      fetch(`/search/suggest?${new URLSearchParams({ q: text }).toString()}`, { signal: control.signal })
        .then((response) => response.json() as Promise<{ data?: Suggestion[] }>)
        .then((body) => { setFound({ text, list: body.data ?? [] }); })
        .catch(() => undefined);
    }, PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      control.abort();
    };
  }, [text, isWanted]);
  return isWanted && found.text === text ? found.list : [];
}

export function Box({ field, text, type, isOpen, setOpen, onText, onSubmit }: {
  field: RefObject<HTMLInputElement | null>;
  text: string;
  type: SearchType | null;
  isOpen: boolean;
  setOpen: (isOpen: boolean) => void;
  onText: (text: string) => void;
  onSubmit: () => void;
}): ReactNode {
  const list = useId();
  const [active, setActive] = useState(-1);
  const suggestions = useSuggestions(text, isOpen);
  const isListed = isOpen && suggestions.length > 0;
  const chosen = isListed ? suggestions[active] : undefined;

  const close = (): void => {
    setOpen(false);
    setActive(-1);
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      if (isListed) close();
      else field.current?.blur();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (suggestions.length === 0) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      // One place more than there are suggestions: on it nothing is chosen, and Enter searches.
      setActive((current) => ((current + 1 + step + suggestions.length + 1) % (suggestions.length + 1)) - 1);
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      close();
      window.location.assign(chosen.url);
    }
  };

  return (
    <form
      action="/search"
      role="search"
      className="search-box"
      onSubmit={(event) => {
        event.preventDefault();
        close();
        onSubmit();
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        name="q"
        type="text"
        inputMode="search"
        enterKeyHint="search"
        role="combobox"
        aria-label="Search"
        aria-expanded={isListed}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={chosen ? `${list}-${active}` : undefined}
        aria-keyshortcuts="/"
        // eslint-disable-next-line jsx-a11y/no-autofocus -- the page is for nothing else
        autoFocus
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={LONGEST}
        placeholder='fn main    "exact text"    /expression/    lang:go    repo:acme/app'
        value={text}
        onChange={(event) => {
          setActive(-1);
          setOpen(true);
          onText(event.target.value);
        }}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      {type !== null && <input type="hidden" name="type" value={type} />}
      <kbd aria-hidden="true">/</kbd>
      <a className="help-link" href="/search/help">Help</a>
      <button className="button primary">Search</button>
      <div id={list} role="listbox" aria-label="Suggestions" className="suggestions" hidden={!isListed}>
        {isListed && suggestions.map((one, index) => (
          // Keys are the field's: a list that is controlled by a combobox takes none itself.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={`${one.kind} ${one.url}`}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onMouseDown={(event) => { event.preventDefault(); }}
            onMouseMove={() => { setActive(index); }}
            onClick={() => { window.location.assign(one.url); }}
          >
            <Icon name={ICONS[one.kind]} />
            <span className="text">{one.text}</span>
            <span className="detail">{one.detail}</span>
            <span className="kind">{KINDS[one.kind]}</span>
          </div>
        ))}
      </div>
    </form>
  );
}
