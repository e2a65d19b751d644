"use client";

/**
 * HTML that the server made and nobody changes. It is in the page once: handed over as text it would be there a second
 * time, for React to read.
 */

import type { ReactNode } from "react";
import { requestIfAny } from "@/lib/bridge";

export function ReadyMade({ id, className }: { id: string; className?: string }): ReactNode {
  const html = requestIfAny()?.readyMade.get(id) ?? "";
  return <div className={className} dangerouslySetInnerHTML={{ __html: html }} suppressHydrationWarning />;
}
