/** Headers that keep a page to itself, and whether a form comes from one of our pages. */

import type { IncomingHttpHeaders } from "node:http";

export interface PolicyOptions {
  nonce: string;
  isSecure: boolean;
  isDevelopment: boolean;
}

/** Scripts are ours, marked with the nonce of the answer; nothing is loaded from elsewhere or shown in a frame. */
export function contentPolicy({ nonce, isDevelopment }: PolicyOptions): string {
  const development = isDevelopment ? " 'unsafe-eval'" : "";
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'${development}`,
    `style-src 'self'${isDevelopment ? " 'unsafe-inline'" : ""}`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self'${isDevelopment ? " ws:" : ""}`,
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** Nothing that comes from a repository, a release or a job runs as ours. */
const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'";

/**
 * What goes with every answer.
 *
 * @param isForeign whether it is a file that somebody put here, as it is.
 */
export function securityHeaders(options: PolicyOptions, isForeign = false): Record<string, string> {
  return {
    "Content-Security-Policy": isForeign ? SANDBOX : contentPolicy(options),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ...(options.isSecure ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
  };
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Whether a request came by https, to us or to the proxy before us. */
export function cameSecurely(headers: IncomingHttpHeaders, encrypted: boolean): boolean {
  const forwarded = one(headers["x-forwarded-proto"]);
  return forwarded === undefined ? encrypted : forwarded.split(",")[0]?.trim() === "https";
}

/**
 * Whether a form was sent by one of our own pages. A browser says where it comes from; who does not say so is refused,
 * too: only a browser sends a cookie that it was not asked for.
 */
export function isOurOwn(headers: IncomingHttpHeaders): boolean {
  const site = one(headers["sec-fetch-site"]);
  if (site !== undefined) return site === "same-origin";
  const origin = one(headers.origin);
  if (origin === undefined || origin === "null") return false;
  let host: string;
  try {
    host = new URL(origin).host;
  } catch {
    return false;
  }
  const ours = [one(headers.host), one(headers["x-forwarded-host"])?.split(",")[0]?.trim()];
  return ours.some((name) => name?.toLowerCase() === host.toLowerCase());
}
