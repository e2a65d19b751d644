/** What happens to each request. */

import { randomBytes } from "node:crypto";
import type { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage, ServerResponse } from "node:http";
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from "@opentelemetry/api";
import type { RequestState } from "../lib/bridge";
import { isForeign, match, takesForm, UNMATCHED } from "../lib/routes";
import type { Config } from "./config";
import { submit } from "./forms";
import { badForm, forwardedFor, refusalBody, requestId, tooLong, type Refusal } from "./heads";
import type { Log } from "./log";
import { told } from "./log";
import { methodLabel, type Metrics } from "./metrics";
import { cameSecurely, contentPolicy, isOurOwn, securityHeaders } from "./security";
import { readToken } from "../lib/session";
import type { StaticFiles } from "./static";
import type { Upstream } from "./upstream";

const PROBES = new Set(["/healthz", "/readyz", "/metrics"]);
const STATIC = "/_next/static/{file...}";
const READY_SECONDS = 2;
const CLIENT_LEFT = 499;
/** What makes Next answer with something other than the page. */
const NOT_FOR_US = [
  "rsc", "next-action", "next-url", "next-router-state-tree", "next-router-prefetch", "next-router-segment-prefetch",
  "x-middleware-subrequest", "x-matched-path", "x-invoke-path", "x-invoke-status", "x-nextjs-data",
]; // prettier-ignore

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface Parts {
  config: Config;
  log: Log;
  metrics: Metrics;
  tracer: Tracer;
  upstream: Upstream;
  requests: AsyncLocalStorage<RequestState>;
  pages: Handler;
  files: StaticFiles;
  version: string;
  isDevelopment: boolean;
}

/** A client that left in the middle of its form. */
class Gone extends Error {
  override readonly name = "Gone";
}

export class Serving {
  private isDraining = false;

  constructor(private readonly parts: Parts) {}

  /** From now on nobody should send new requests here. */
  drain(): void {
    this.isDraining = true;
  }

  /** Counts what was refused before there was a request. */
  refusedBeforehand(refusal: Refusal): void {
    const method = refusal.status === 405 ? "_OTHER" : "GET";
    this.parts.metrics.serve(method, UNMATCHED, refusal.status, 0);
    this.parts.log.say("info", "request", {
      http_request_method: method, http_route: UNMATCHED, http_response_status_code: refusal.status, duration_seconds: 0,
    }); // prettier-ignore
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const { config, metrics, tracer, requests, isDevelopment } = this.parts;
    const method = request.method ?? "GET";
    const target = request.url ?? "/";
    const [pathname, search] = cut(target);
    const found = match(pathname);
    const isRead = method === "GET" || method === "HEAD";
    const isKnown = found !== null && (isRead || (method === "POST" && takesForm(pathname)));
    const route = isKnown ? found.template : UNMATCHED;
    const isProbe = PROBES.has(route);
    const label = methodLabel(method);
    const isSecure = config.cookieSecure ?? cameSecurely(request.headers, "encrypted" in request.socket);
    const left = new AbortController();

    const state: RequestState = {
      id: requestId(request.headers["x-request-id"]),
      method, pathname, search, template: route,
      token: readToken(request.headers.cookie, isSecure),
      isSecure,
      forwardedFor: forwardedFor(request.headers["x-forwarded-for"], request.socket.remoteAddress),
      signal: left.signal,
      readyMade: new Map(),
      form: null, status: null, location: null, retryAfter: null, refresh: null, cookies: [],
    }; // prettier-ignore

    const remote = propagation.extract(ROOT_CONTEXT, request.headers);
    const span = isProbe
      ? null
      : tracer.startSpan(
          `${label === "_OTHER" ? "HTTP" : label} ${route}`,
          { kind: SpanKind.SERVER, attributes: { "http.request.method": label, "http.route": route, "url.scheme": isSecure ? "https" : "http" } },
          remote,
        );
    if (span && route !== UNMATCHED && !route.includes("{")) span.setAttribute("url.path", route);
    metrics.active.inc();
    response.once("close", () => {
      metrics.active.dec();
      left.abort();
      this.done(state, span, label, response, (performance.now() - started) / 1000);
    });

    const nonce = randomBytes(16).toString("base64");
    const policy = { nonce, isSecure, isDevelopment };
    const isFile = route === STATIC;
    const shield = isFile ? { "X-Content-Type-Options": "nosniff" } : securityHeaders(policy, isForeign(route));
    for (const [name, value] of Object.entries(shield)) response.setHeader(name, value);
    response.setHeader("X-Request-Id", state.id);
    if (this.isDraining) response.setHeader("Connection", "close");
    finishHead(response, state);

    const inside = span ? trace.setSpan(remote, span) : remote;
    await context.with(inside, () =>
      requests.run(state, async () => {
        try {
          await this.routed(request, response, state, isKnown, contentPolicy(policy));
        } catch (error) {
          if (error instanceof Gone || response.destroyed) {
            response.destroy();
            return;
          }
          this.parts.log.say("error", "a request failed", { error: told(error) }, { requestId: state.id });
          refuse(response, { status: 500, code: "INTERNAL_ERROR", message: "Something went wrong here; it is in the log" });
        }
      }),
    );
  }

  private async routed(
    request: IncomingMessage,
    response: ServerResponse,
    state: RequestState,
    isKnown: boolean,
    policy: string,
  ): Promise<void> {
    const { method } = state;
    const long = tooLong(request, this.parts.config.limits);
    if (long) { refuse(response, { ...long, headers: { Connection: "close" } }); return; }
    if (!isKnown && method !== "GET" && method !== "HEAD") {
      const allow = takesForm(state.pathname) ? "GET, HEAD, POST" : "GET, HEAD";
      const message = "This page doesn't take this method";
      refuse(response, { status: 405, code: "METHOD_NOT_ALLOWED", message, headers: { Allow: allow } }); return;
    }
    if (PROBES.has(state.template)) return this.probe(state.template, response);

    if (method === "POST") {
      const refusal = isOurOwn(request.headers)
        ? badForm(request, this.parts.config.limits.bodyBytes)
        : { status: 403, code: "FORBIDDEN", message: "This form was not sent by a page of this site" };
      if (refusal) { refuse(response, { ...refusal, headers: { Connection: "close" } }); return; }
      const outcome = await submit(state, await bodyOf(request));
      if (outcome.kind === "moved") { move(response, outcome.location); return; }
      if (outcome.kind === "unknown") {
        refuse(response, { status: 400, code: "BAD_REQUEST", message: "There is no such form on this page" }); return;
      }
      state.form = outcome.form;
      state.status = outcome.status;
    }
    if (state.template === STATIC && this.parts.files.serve(state.pathname, request, response)) return;
    this.asPage(request, state, policy);
    await this.parts.pages(request, response);
  }

  /** Next sees a plain request for the page; its pages find the form in the state. */
  private asPage(request: IncomingMessage, state: RequestState, policy: string): void {
    const { headers } = request;
    for (const name of NOT_FOR_US) Reflect.deleteProperty(headers, name);
    if (request.method === "POST") {
      request.method = "GET";
      Reflect.deleteProperty(headers, "content-type");
      Reflect.deleteProperty(headers, "content-length");
    }
    // What no route has would else be taken apart by Next's own router, with redirects of its own.
    if (state.template === UNMATCHED) request.url = "/-/-/-/nothing";
    headers["content-security-policy"] = policy;
    headers["x-request-id"] = state.id;
  }

  private async probe(route: string, response: ServerResponse): Promise<void> {
    const { upstream, metrics, version } = this.parts;
    response.setHeader("Cache-Control", "no-store");
    if (route === "/metrics") {
      response.setHeader("Content-Type", metrics.registry.contentType);
      response.end(await metrics.registry.metrics());
      return;
    }
    response.setHeader("Content-Type", "application/json");
    if (route === "/healthz") {
      response.end(JSON.stringify({ status: "ok", version }));
      return;
    }
    const api = await upstream.check(READY_SECONDS);
    const checks = { api: api ?? "ok", accepting: this.isDraining ? "ending" : "ok" };
    const isReady = api === null && !this.isDraining;
    response.statusCode = isReady ? 200 : 503;
    response.end(JSON.stringify({ status: isReady ? "ok" : "unavailable", version, checks }));
  }

  private done(state: RequestState, span: Span | null, method: string, response: ServerResponse, seconds: number): void {
    const status = response.writableFinished ? response.statusCode : CLIENT_LEFT;
    this.parts.metrics.serve(method, state.template, status, seconds);
    const ids = span?.spanContext();
    if (span) {
      span.setAttribute("http.response.status_code", status);
      if (status >= 500) {
        span.setAttribute("error.type", String(status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    }
    const level = status >= 500 ? "error" : PROBES.has(state.template) ? "debug" : "info";
    this.parts.log.say(
      level,
      "request",
      {
        http_request_method: method,
        http_route: state.template,
        http_response_status_code: status,
        duration_seconds: Math.round(seconds * 1e6) / 1e6,
      },
      { requestId: state.id, traceId: ids && traced(ids.traceId), spanId: ids && traced(ids.spanId) },
    );
  }
}

const traced = (id: string): string | undefined => (/^0+$/.test(id) ? undefined : id);

function cut(target: string): [string, string] {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

/** What a page decided while it was made goes into the head of the answer. */
function finishHead(response: ServerResponse, state: RequestState): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    if (!response.headersSent) {
      if (state.cookies.length > 0) response.setHeader("Set-Cookie", state.cookies);
      if (state.location !== null) response.setHeader("Location", state.location);
      if (state.retryAfter !== null) response.setHeader("Retry-After", state.retryAfter);
      if (state.refresh !== null) response.setHeader("Refresh", String(state.refresh));
    }
    const decided = status === 200 && state.status !== null ? state.status : status;
    response.statusCode = decided;
    return writeHead(decided, ...rest);
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) parts.push(part as Buffer);
  } catch {
    throw new Gone();
  }
  if (!request.complete) throw new Gone();
  return Buffer.concat(parts).toString("utf8");
}

function move(response: ServerResponse, location: string): void {
  response.statusCode = 303;
  response.setHeader("Location", location);
  response.setHeader("Cache-Control", "no-store");
  response.end();
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value);
  response.statusCode = refusal.status;
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Cache-Control", "no-store");
  response.end(refusalBody(refusal));
}
