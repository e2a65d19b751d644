/** Why there is no page. */

import type { ReactNode } from "react";
import type { Failure } from "@/lib/types";

const HEADINGS: Readonly<Record<number, string>> = {
  400: "This can't be understood",
  403: "You may not do this",
  404: "Not found",
  409: "This can't be done now",
  429: "Too many requests",
  500: "Something went wrong",
  502: "The forge can't answer now",
  503: "The forge can't answer now",
  504: "The forge can't answer now",
};

const isAway = (status: number): boolean => status >= 502 && status <= 504;

export function Trouble({ failure, isSignedIn = true }: { failure: Failure; isSignedIn?: boolean }): ReactNode {
  const heading = HEADINGS[failure.status] ?? "This did not work";
  return (
    <section className="trouble" aria-labelledby="trouble">
      <title>{`${heading} · Engine Room`}</title>
      <p className="status" aria-hidden="true">{failure.status}</p>
      <h1 id="trouble">{heading}</h1>
      <p>{sentence(failure.message)}</p>
      {isAway(failure.status) && <p className="muted">Nothing is lost. Try again in a moment.</p>}
      {failure.status === 404 && !isSignedIn && (
        <p className="muted">It may be private: <a href="/login">sign in</a> to see what is shared with you.</p>
      )}
      <p className="ways"><a href="/">Home</a> <a href="/search">Search</a></p>
    </section>
  );
}

export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);
