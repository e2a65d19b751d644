/** What is read from a request's head before anything else happens. */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Limits } from "./config";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The id that came with a request, if it can be one; else a new one. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

/** More proxies than this stand before nobody. */
const MOST_HOPS = 10;

/**
 * Whom a request comes from: what the proxies before us say, and last the address that it came to us from. The api
 * reads it from its end, and only as far as it trusts; what stands before something that is no address goes no further.
 */
export function forwardedFor(given: string | string[] | undefined, peer: string | undefined): string {
  const said = (Array.isArray(given) ? given.join(",") : (given ?? "")).split(",").map((hop) => hop.trim());
  const hops = [...said, peer ?? ""];
  return hops.slice(hops.findLastIndex((hop) => isIP(hop) === 0) + 1).slice(-MOST_HOPS).join(", ");
}

export interface Refusal {
  status: number;
  code: string;
  message: string;
  headers?: Record<string, string>;
}

/** What is wrong with the size of a head. */
export function tooLong(
  request: Pick<IncomingMessage, "url" | "rawHeaders">,
  limits: Pick<Limits, "urlBytes" | "headBytes">,
): Refusal | null {
  if (Buffer.byteLength(request.url ?? "", "latin1") > limits.urlBytes) {
    return { status: 414, code: "URI_TOO_LONG", message: "The address is too long" };
  }
  const size = request.rawHeaders.reduce((sum, part) => sum + part.length + 2, 0);
  if (size > limits.headBytes) {
    return { status: 431, code: "HEADERS_TOO_LARGE", message: "The headers are too long" };
  }
  return null;
}

/** What is wrong with a form before its body is read. */
export function badForm(request: Pick<IncomingMessage, "headers">, bodyBytes: number): Refusal | null {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    return { status: 415, code: "UNSUPPORTED_MEDIA_TYPE", message: "Forms are sent as application/x-www-form-urlencoded" };
  }
  const length = request.headers["content-length"];
  if (length === undefined) {
    return { status: 411, code: "LENGTH_REQUIRED", message: "A form says how long it is" };
  }
  if (Number(length) > bodyBytes) {
    return { status: 413, code: "PAYLOAD_TOO_LARGE", message: "The form is too large" };
  }
  return null;
}

/** What a client's mistake in HTTP itself is answered with; null when there is nobody left to answer. */
export function protocolRefusal(error: { code?: string }, packet: Buffer | undefined): Refusal | null {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, code: "HEADERS_TOO_LARGE", message: "The headers are too long" };
    case "HPE_INVALID_METHOD":
      return isMethod(packet)
        ? { status: 405, code: "METHOD_NOT_ALLOWED", message: "There is no such method", headers: { Allow: "GET, HEAD, POST" } }
        : { status: 400, code: "BAD_REQUEST", message: "This is not HTTP" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, code: "REQUEST_TIMEOUT", message: "The request took too long" };
    case "ECONNRESET":
    case "EPIPE":
      return null;
    default:
      return { status: 400, code: "BAD_REQUEST", message: "This is not HTTP" };
  }
}

const isMethod = (packet: Buffer | undefined): boolean =>
  packet !== undefined && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} \S+ HTTP\/1\.[01]\r?\n/.test(packet.toString("latin1", 0, 8192));

export function refusalBody({ code, message }: Refusal): string {
  return JSON.stringify({ error: { code, message } });
}
