/** Asks the api: within a time, in the trace of the request, counted. */

import { context, propagation, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { Unreachable, type ApiCall } from "../lib/bridge";
import type { Metrics } from "./metrics";

export interface Upstream {
  ask(call: ApiCall): Promise<Response>;
  /** Whether the api lives; else what is wrong with it. */
  check(seconds: number): Promise<string | null>;
}

type Fetch = typeof fetch;

const setter = { set: (carrier: Headers, name: string, value: string) => { carrier.set(name, value); } };

/** The answer with all of its body, which has come within the time or not at all. */
async function whole(response: Response): Promise<Response> {
  const body = await response.arrayBuffer();
  const { status, headers } = response;
  return new Response(body.byteLength === 0 ? null : body, { status, headers });
}

export function openUpstream(api: URL, tracer: Tracer, metrics: Pick<Metrics, "ask">, ask: Fetch): Upstream {
  const base = api.href.replace(/\/+$/, "");
  const port = Number(api.port) || (api.protocol === "https:" ? 443 : 80);

  async function once(call: ApiCall): Promise<Response> {
    const span = tracer.startSpan(call.method, {
      kind: SpanKind.CLIENT,
      attributes: {
        "http.request.method": call.method,
        "server.address": api.hostname,
        "server.port": port,
        "peer.service": "api",
      },
    });
    const started = performance.now();
    const headers = new Headers({ accept: "application/json", "x-request-id": call.requestId });
    if (call.forwardedFor) headers.set("x-forwarded-for", call.forwardedFor);
    if (call.token) headers.set("authorization", `Bearer ${call.token}`);
    if (call.body !== undefined) headers.set("content-type", "application/json");
    propagation.inject(trace.setSpan(context.active(), span), headers, setter);

    const late = new AbortController();
    // For the whole answer; of a file, only until it begins.
    const timer = setTimeout(() => { late.abort(); }, call.seconds * 1000).unref();
    const signal = call.signal ? AbortSignal.any([late.signal, call.signal]) : late.signal;
    let status = 0;
    try {
      const response = await ask(`${base}/api/v1${call.path}${call.query ? `?${call.query}` : ""}`, {
        method: call.method,
        headers,
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal,
        redirect: "manual",
        cache: "no-store",
      });
      status = response.status;
      span.setAttribute("http.response.status_code", status);
      if (status >= 400) span.setAttribute("error.type", String(status));
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      return call.isStream ? response : await whole(response);
    } catch (error) {
      span.setAttribute("error.type", late.signal.aborted ? "timeout" : call.signal?.aborted ? "cancelled" : "unreachable");
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw new Unreachable(late.signal.aborted, error);
    } finally {
      clearTimeout(timer);
      metrics.ask(call.method, status, (performance.now() - started) / 1000);
      span.end();
    }
  }

  return {
    async ask(call) {
      try {
        return await once(call);
      } catch (error) {
        // A kept connection may have been closed by an api that was restarted: reading again changes nothing.
        const mayRepeat = call.method === "GET" && error instanceof Unreachable && !error.isLate && !call.signal?.aborted;
        if (mayRepeat) return once(call);
        throw error;
      }
    },

    async check(seconds) {
      try {
        const response = await ask(`${base}/healthz`, { signal: AbortSignal.timeout(seconds * 1000), cache: "no-store" });
        await response.arrayBuffer();
        return response.ok ? null : `the api answers ${response.status}`;
      } catch {
        return "the api does not answer";
      }
    },
  };
}
