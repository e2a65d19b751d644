/** Files that go from the api to whoever asked, as they come. */

import { ApiError, stream } from "./api";
import { bridge, request } from "./bridge";
import { query } from "./urls";

/** Pictures that a page may show; a browser does not guess, so it is told. */
const PICTURES: Readonly<Record<string, string>> = {
  avif: "image/avif", bmp: "image/bmp", gif: "image/gif", ico: "image/x-icon", jpeg: "image/jpeg", jpg: "image/jpeg",
  png: "image/png", svg: "image/svg+xml", webp: "image/webp",
}; // prettier-ignore

const KEPT = ["content-length", "content-disposition", "etag", "x-log-complete"];

/**
 * Hand a file on.
 *
 * @param name decides whether it is a picture that can be shown; "" for none.
 */
export async function pass(path: string, values: Record<string, string>, name = ""): Promise<Response> {
  let upstream: Response;
  try {
    upstream = await stream(path, values);
  } catch (error) {
    return refused(error);
  }
  const headers = new Headers({
    "Content-Type": upstream.headers.get("content-type") ?? "application/octet-stream",
    "Cache-Control": "private, no-cache",
  });
  for (const header of KEPT) {
    const value = upstream.headers.get(header);
    if (value !== null) headers.set(header, value);
  }
  const picture = PICTURES[/\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ""];
  if (picture) {
    headers.set("Content-Type", picture);
    headers.delete("content-disposition");
  }
  return new Response(upstream.body, { headers });
}

/** What a failure is to something that is no page. */
export function refused(error: unknown): Response {
  if (!(error instanceof ApiError)) {
    bridge().failed(error);
    return new Response("Something went wrong here; it is in the log.\n", { status: 500 });
  }
  const { pathname, token } = request();
  if (error.status === 401 && token === null) {
    return new Response(null, { status: 303, headers: { Location: `/login${query({ next: pathname })}` } });
  }
  return new Response(`${error.message}\n`, {
    status: error.status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...(error.retryAfter ? { "Retry-After": error.retryAfter } : {}) },
  });
}
