"use client";

import type { ReactNode } from "react";

/** When not even the frame of a page can be made. */
export default function GlobalError(): ReactNode {
  return (
    <html lang="en">
      <body>
        <h1>Something went wrong</h1>
        <p>It is in the log. <a href="/">Home</a></p>
      </body>
    </html>
  );
}
