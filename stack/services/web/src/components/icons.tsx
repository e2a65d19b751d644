/** Small pictures, drawn in the colour of the text around them. */

import type { ReactNode } from "react";

const PATHS = {
  book: "M3 2.5h8.5A1.5 1.5 0 0 1 13 4v9.5H4.5A1.5 1.5 0 0 1 3 12V2.5Zm0 9.2c0-.9.7-1.4 1.5-1.4H13",
  branch: "M5 3.2v9.6M5 12.8a1.3 1.3 0 1 0 0-.1M5 3.3a1.3 1.3 0 1 0 0-.1M11 5.3a1.3 1.3 0 1 0 0-.1M11 6.6c0 2.6-6 1.4-6 4",
  closed: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm-2.6 6 1.8 1.8 3.4-3.6",
  code: "m5.5 4.5-3.5 3.5 3.5 3.5m5-7 3.5 3.5-3.5 3.5",
  file: "M4 2h5l3 3v9H4V2Zm5 0v3h3",
  folder: "M2 4h4.2l1.4 1.6H14V13H2V4Z",
  history: "M2.5 8a5.5 5.5 0 1 0 1.6-3.9L2.5 5.7M2.5 2.6v3.1h3.1M8 5v3.3l2.2 1.3",
  issue: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 4.9a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2Z",
  link: "M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2A2.6 2.6 0 1 0 9 3.3l-.8.8m1 2.7a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 1 0 7 12.7l.8-.8",
  lock: "M4 7.2h8V13H4V7.2Zm1.8 0V5a2.2 2.2 0 0 1 4.4 0v2.2",
  merged: "M4.7 3.3a1.3 1.3 0 1 0 0-.1m0 1.3v7m0 1.3a1.3 1.3 0 1 0 0-.1m6.6-3.3a1.3 1.3 0 1 0 0-.1m-1.3 0C7 9.6 4.7 8 4.7 5",
  play: "M5 3.500v9l7-4.5-7-4.500Z",
  pull: "M4.5 4.500v7m0 1.300a1.3 1.3 0 1 0 0-.1m0-9.500a1.3 1.3 0 1 0 0-.1m7 9.600a1.3 1.3 0 1 0 0-.1m0-1.200V6.500c0-1-.6-1.7-1.7-1.700H7.600m1.6-1.800L7.5 4.800l1.7 1.8",
  search: "M7 2.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.3 7.8 3.4 3.4",
  settings: "M2 4.500h7m3 0h2M2 11.500h2m3 0h7M10.5 3a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Zm-5 7a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z",
  star: "m8 2.3 1.7 3.6 3.9.5-2.9 2.7.8 3.900L8 11.1 4.5 13l.8-3.9-2.9-2.7 3.9-.5L8 2.300Z",
  submodule: "M2 4h4.200l1.4 1.600H14V13H2V4Zm5 5.200h3.500M9 7.600l1.7 1.600L9 10.8",
  symlink: "M4 2h5l3 3v9H4V2Zm1.8 8.500c0-2 1-3 3.2-3M7.6 5.9 9.3 7.5 7.6 9.1",
  tag: "M2.5 2.500h5l6 6-5 5-6-6v-5Zm2.7 2.700h.1",
  users: "M6 3a2.3 2.3 0 1 0 0 4.600A2.3 2.3 0 0 0 6 3ZM1.8 13c.2-2.4 1.9-3.8 4.2-3.800s4 1.4 4.2 3.800M10.5 3.300a2.2 2.2 0 0 1 0 4m1.2 2.200c1.5.4 2.4 1.7 2.5 3.5",
  wiki: "M8 4.200C6.6 3 4.6 2.7 2.5 3v9.300c2.1-.3 4.1 0 5.5 1.2 1.4-1.2 3.4-1.5 5.5-1.200V3C11.4 2.7 9.4 3 8 4.200Zm0 0v9.3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="8.2" />
      <path d="M12 3.800v4.700M12 15.500v4.700M3.8 12h4.700M15.5 12h4.7" />
      <circle cx="12" cy="12" r="3.4" className="hub" />
    </svg>
  );
}

/** What tells languages apart at a glance; the name stands beside it. */
const COLOURS: Readonly<Record<string, string>> = {
  C: "#6e7681", "C#": "#2f9e44", "C++": "#e0508f", CSS: "#7048c4", Go: "#1aa7c4", HTML: "#e2562b", Java: "#b4741c",
  JavaScript: "#d8b521", JSON: "#8a8f98", Kotlin: "#a45bf0", Lua: "#2b3ca0", Makefile: "#4d8a22", Markdown: "#2f6fb5",
  PHP: "#5b69a8", Python: "#3b78ad", Ruby: "#b3262b", Rust: "#c7683c", Scala: "#c43144", Shell: "#6db33f",
  Swift: "#ef5138", TOML: "#9c4221", TypeScript: "#3078c6", YAML: "#c0392b",
}; // prettier-ignore

export function Language({ name }: { name: string }): ReactNode {
  if (name === "") return null;
  return (
    <span className="language">
      <svg className="dot" viewBox="0 0 10 10" aria-hidden="true">
        <circle cx="5" cy="5" r="4.5" fill={COLOURS[name] ?? "#8a8f98"} />
      </svg>
      {name}
    </span>
  );
}
