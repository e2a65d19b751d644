import type { ReactNode } from "react";
import { HeaderSearch } from "@/components/header-search";
import { Mark } from "@/components/icons";
import { request } from "@/lib/bridge";
import { me } from "@/lib/load";
import { query } from "@/lib/urls";
import "./style.css";
import "./code.css";
import "./search.css";

// Every answer is somebody's own, and carries a nonce of its own.
export const dynamic = "force-dynamic";

export default async function Layout({ children }: { children: ReactNode }): Promise<ReactNode> {
  const { template, pathname, token } = request();
  const user = await me();
  const isAtDoor = template === "/login" || template === "/register";
  return (
    <html lang="en">
      <head>
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" content="#fbfaf8" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="#141518" media="(prefers-color-scheme: dark)" />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      </head>
      <body>
        <a className="skip" href="#main">Skip to content</a>
        <header className="top">
          <div className="top-inner">
            <a className="brand" href="/"><Mark /><span>Engine Room</span></a>
            {template === "/search" || isAtDoor ? <div className="grow" /> : <HeaderSearch />}
            <nav aria-label="Site">
              <a href="/explore">Explore</a>
              {user ? (
                <>
                  <a href="/new">New</a>
                  <a href={`/${encodeURIComponent(user.username)}`}>{user.username}</a>
                  <form method="post" action="/logout"><button className="plain">Sign out</button></form>
                </>
              ) : (
                // Who has a session and can't be asked about now is not told to sign in.
                !isAtDoor && token === null && <a href={`/login${query({ next: pathname === "/" ? "" : pathname })}`}>Sign in</a>
              )}
            </nav>
          </div>
        </header>
        <main id="main" tabIndex={-1}>{children}</main>
      </body>
    </html>
  );
}
