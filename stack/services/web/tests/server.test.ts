import { SpanKind, TraceFlags } from "@opentelemetry/api";
import { ExportResultCode, type ExportResult } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-node";
import { describe, expect, it } from "vitest";
import { isForeign, templates } from "@/lib/routes";
import { cookieName, forgetToken, keepToken, readToken } from "@/lib/session";
import { ConfigError, readConfig } from "@/server/config";
import { Fields } from "@/server/forms";
import { badForm, forwardedFor, protocolRefusal, requestId, tooLong } from "@/server/heads";
import { Log } from "@/server/log";
import { methodLabel, Metrics } from "@/server/metrics";
import { cameSecurely, contentPolicy, isOurOwn, securityHeaders } from "@/server/security";
import { accepted } from "@/server/static";
import { BoundedProcessor } from "@/server/telemetry";

describe("the environment", () => {
  it("has defaults", () => {
    const config = readConfig({});
    expect(config).toMatchObject({ host: "127.0.0.1", port: 3000, cookieSecure: null, graceSeconds: 30 });
    expect(config.api.href).toBe("http://127.0.0.1:8080/");
    expect(config.limits).toMatchObject({ urlBytes: 4096, headBytes: 32768, bodyBytes: 1048576 });
  });

  it.each([
    [{ WEB_PORT: "tcp://10.0.0.1:3000" }, "WEB_PORT"],
    [{ WEB_PORT: "70000" }, "WEB_PORT"],
    [{ API_URL: "localhost:8080" }, "API_URL"],
    [{ API_URL: "http://user:secret@x" }, "API_URL"],
    [{ API_URL: "ftp://x" }, "API_URL"],
    [{ WEB_SESSION_COOKIE_SECURE: "yes" }, "WEB_SESSION_COOKIE_SECURE"],
    [{ WEB_GRACE_SECONDS: "-1" }, "WEB_GRACE_SECONDS"],
    [{ WEB_HOST: "a b" }, "WEB_HOST"],
    [{ API_URL_FILE: "/no/such/file" }, "API_URL_FILE"],
  ])("that can't be understood is refused by name: %j", (env, name) => {
    expect(() => readConfig(env)).toThrow(ConfigError);
    expect(() => readConfig(env)).toThrow(name);
  });

  it("is never repeated where it may hold a secret", () => {
    expect(() => readConfig({ API_URL: "http://user:secret@x" })).toThrow(/^(?!.*secret).*$/);
  });
});

describe("heads", () => {
  it("keep an id that can be one", () => {
    expect(requestId("abc-DEF_1.2")).toBe("abc-DEF_1.2");
    for (const bad of [undefined, "", "a b", "x".repeat(65), "a\nb", "é", ["a", "b"]]) {
      expect(requestId(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("tells whom it comes from, as far as that can be true", () => {
    expect(forwardedFor(undefined, "192.0.2.1")).toBe("192.0.2.1");
    expect(forwardedFor("198.51.100.7, 2001:db8::1", "::ffff:192.0.2.1")).toBe("198.51.100.7, 2001:db8::1, ::ffff:192.0.2.1");
    expect(forwardedFor("198.51.100.7, nobody, 192.0.2.9", "192.0.2.1")).toBe("192.0.2.9, 192.0.2.1");
    expect(forwardedFor("198.51.100.7", undefined)).toBe("");
    const many = Array.from({ length: 50 }, (_, number) => `198.51.100.${number}`).join(",");
    expect(forwardedFor(many, "192.0.2.1").split(", ")).toHaveLength(10);
  });

  it("have their lengths", () => {
    const limits = { urlBytes: 100, headBytes: 1000 };
    expect(tooLong({ url: "/x", rawHeaders: ["Host", "x"] }, limits)).toBeNull();
    expect(tooLong({ url: `/${"x".repeat(100)}`, rawHeaders: [] }, limits)?.status).toBe(414);
    expect(tooLong({ url: "/", rawHeaders: ["A", "x".repeat(1000)] }, limits)?.status).toBe(431);
    expect(tooLong({ url: "/", rawHeaders: Array<string>(600).fill("") }, limits)?.status).toBe(431);
  });

  it("of forms say what comes, and how much", () => {
    const type = "application/x-www-form-urlencoded";
    const status = (headers: Record<string, string>) => badForm({ headers }, 100)?.status ?? null;
    expect(status({ "content-type": type, "content-length": "100" })).toBeNull();
    expect(status({ "content-type": `${type}; charset=utf-8`, "content-length": "0" })).toBeNull();
    expect(status({ "content-type": "application/json", "content-length": "2" })).toBe(415);
    expect(status({ "content-length": "2" })).toBe(415);
    expect(status({ "content-type": type })).toBe(411);
    expect(status({ "content-type": type, "content-length": "101" })).toBe(413);
  });

  it("that are no HTTP are refused as what they are", () => {
    const status = (code: string, packet = "") => protocolRefusal({ code }, Buffer.from(packet))?.status ?? null;
    expect(status("HPE_HEADER_OVERFLOW")).toBe(431);
    expect(status("HPE_INVALID_METHOD", "BREW / HTTP/1.1\r\n")).toBe(405);
    expect(status("HPE_INVALID_METHOD", "\u0016\u0003\u0001")).toBe(400);
    expect(status("ERR_HTTP_REQUEST_TIMEOUT")).toBe(408);
    expect(status("HPE_INVALID_VERSION")).toBe(400);
    expect(status("ECONNRESET")).toBeNull();
  });
});

describe("forms from elsewhere", () => {
  const host = "forge.example";

  it.each([
    [{ host, origin: "https://forge.example" }, true],
    [{ host, "sec-fetch-site": "same-origin", origin: "null" }, true],
    [{ host: "10.0.0.7:3000", "x-forwarded-host": "forge.example", origin: "https://forge.example" }, true],
    [{ host, origin: "https://evil.example" }, false],
    [{ host, origin: "https://forge.example", "sec-fetch-site": "cross-site" }, false],
    [{ host, origin: "https://forge.example", "sec-fetch-site": "same-site" }, false],
    [{ host, origin: "https://forge.example.evil.example" }, false],
    [{ host, origin: "https://forge.example:8443" }, false],
    [{ host, origin: "null" }, false],
    [{ host, origin: "nonsense" }, false],
    [{ host }, false],
  ])("%j", (headers, expected) => {
    expect(isOurOwn(headers)).toBe(expected);
  });

  it("are read field by field, and secrets are not shown again", () => {
    const fields = new Fields(new URLSearchParams({ title: " a\r\nb ", body: "x\r\ny\rz", password: " p ", password_again: "q" }));
    expect([fields.line("title"), fields.text("body"), fields.secret("password"), fields.line("none")]).toEqual(["a b", "x\ny\nz", " p ", ""]);
    expect(Object.keys(fields.shown())).toEqual(["title", "body"]);
  });
});

describe("security headers", () => {
  it("let only our scripts run, and nobody frame us", () => {
    const policy = contentPolicy({ nonce: "abc", isSecure: true, isDevelopment: false });
    expect(policy).toContain("script-src 'self' 'nonce-abc';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it("let nothing that somebody put here run", () => {
    const options = { nonce: "abc", isSecure: false, isDevelopment: false };
    const policy = securityHeaders(options, true)["Content-Security-Policy"] ?? "";
    expect(policy).toMatch(/(?:^|; )sandbox(?:;|$)/);
    expect(policy).not.toMatch(/script-src|allow-|nonce/);
    expect(templates().filter(isForeign)).toHaveLength(3);
  });

  it("ask for https only where it is", () => {
    const options = { nonce: "x", isDevelopment: false };
    expect(securityHeaders({ ...options, isSecure: true })).toHaveProperty("Strict-Transport-Security");
    expect(securityHeaders({ ...options, isSecure: false })).not.toHaveProperty("Strict-Transport-Security");
  });

  it("believe the proxy about https", () => {
    expect(cameSecurely({ "x-forwarded-proto": "https" }, false)).toBe(true);
    expect(cameSecurely({ "x-forwarded-proto": "http, https" }, true)).toBe(false);
    expect(cameSecurely({}, true)).toBe(true);
    expect(cameSecurely({}, false)).toBe(false);
  });
});

describe("the session's cookie", () => {
  const now = new Date("2026-01-01T00:00:00Z");

  it("is for us alone, and for as long as the session", () => {
    expect(keepToken("ers_token-1", new Date("2026-01-01T01:00:00Z"), true, now)).toBe(
      "__Host-forge_session=ers_token-1; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure",
    );
    expect(keepToken("ers_token-1", new Date("2025-01-01T01:00:00Z"), false, now)).toContain("Max-Age=0");
    expect(forgetToken(false)).toBe("forge_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    expect(() => keepToken("a; Domain=x", now, false)).toThrow();
  });

  it("is found among others, and only if it can be a token", () => {
    expect(readToken("a=b; forge_session=ers_12345678; c=d", false)).toBe("ers_12345678");
    expect(readToken("forge_session=ers_12345678", true)).toBeNull();
    expect(readToken(`${cookieName(true)}=ers_12345678`, true)).toBe("ers_12345678");
    for (const bad of ["", undefined, "forge_session=", "forge_session=a b", "xforge_session=ers_12345678", `forge_session=${"x".repeat(600)}`]) {
      expect(readToken(bad, false)).toBeNull();
    }
  });
});

describe("metrics", () => {
  it("have few methods", () => {
    expect(["GET", "DELETE", "BREW", "get", "PROPFIND"].map(methodLabel)).toEqual(["GET", "DELETE", "_OTHER", "_OTHER", "_OTHER"]);
  });

  it("have series for nonsense before it is asked for, which then do not grow", async () => {
    const metrics = new Metrics();
    const lines = async () => (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("http_server_request")).length;
    const before = await lines();
    for (const method of ["PUT", "_OTHER", "DELETE", "PATCH", "POST"]) metrics.serve(method, "unmatched", 405, 0.001);
    metrics.serve("GET", "unmatched", 404, 0.001);
    metrics.serve("GET", "/{owner}/{repo}", 404, 0.001);
    expect(await lines()).toBe(before);
  });

  it("count requests by route and status", async () => {
    const metrics = new Metrics();
    metrics.serve("GET", "/search", 200, 0.02);
    metrics.serve("GET", "/search", 200, 0.02);
    metrics.ask("GET", 503, 0.1);
    const text = await metrics.registry.metrics();
    expect(text).toContain('http_server_request_duration_seconds_count{http_request_method="GET",http_route="/search",http_response_status_code="200"} 2');
    expect(text).toContain('http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="503",server_service="api"} 1');
    expect(text).toContain("otel_spans_dropped_total 0");
    expect(text).toContain("process_cpu_seconds_total");
  });
});

describe("spans", () => {
  const span = (flags = TraceFlags.SAMPLED): ReadableSpan =>
    ({ spanContext: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: flags }), kind: SpanKind.SERVER, resource: { asyncAttributesPending: false } }) as unknown as ReadableSpan;

  class Collector implements SpanExporter {
    got = 0;
    constructor(private readonly code: ExportResultCode) {}
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      if (this.code === ExportResultCode.SUCCESS) this.got += spans.length;
      done({ code: this.code });
    }
    shutdown = (): Promise<void> => Promise.resolve();
  }

  const counters = async (metrics: Metrics): Promise<number[]> =>
    Promise.all([metrics.exported, metrics.dropped].map(async (one) => (await one.get()).values[0]?.value ?? 0));

  it("are counted when they were taken", async () => {
    const metrics = new Metrics();
    const collector = new Collector(ExportResultCode.SUCCESS);
    const queue = new BoundedProcessor(collector, metrics, 100);
    for (let index = 0; index < 5; index += 1) queue.onEnd(span());
    queue.onEnd(span(TraceFlags.NONE));
    await queue.shutdown();
    expect(collector.got).toBe(5);
    expect(await counters(metrics)).toEqual([5, 0]);
  });

  it("are counted when there was no place or nobody took them: none is lost in silence", async () => {
    const metrics = new Metrics();
    const queue = new BoundedProcessor(new Collector(ExportResultCode.FAILED), metrics, 3);
    for (let index = 0; index < 10; index += 1) queue.onEnd(span());
    expect(await counters(metrics)).toEqual([0, 7]);
    await queue.shutdown();
    expect(await counters(metrics)).toEqual([0, 10]);
  });
});

describe("log lines", () => {
  it("are JSON with the names that all services use", () => {
    const lines: string[] = [];
    const log = new Log("web", (line) => lines.push(line));
    log.say("info", "request", { http_route: "/" }, { requestId: "r1", traceId: "a".repeat(32), spanId: "b".repeat(16) });
    log.say("debug", "quiet");
    log.say("error", "line\nbreak");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "info", service: "web", message: "request", request_id: "r1", trace_id: "a".repeat(32), http_route: "/",
    });
    expect((JSON.parse(lines[0] ?? "") as { timestamp: string }).timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    expect(lines.every((line) => line.trimEnd().split("\n").length === 1)).toBe(true);
    expect(lines[1]).not.toContain("trace_id");
  });
});

describe("compressed files", () => {
  it("go to those who take them", () => {
    expect([...accepted("gzip, deflate, br;q=0.9")]).toEqual(["gzip", "deflate", "br"]);
    expect(accepted("br;q=0, gzip").has("br")).toBe(false);
    expect(accepted(undefined).size).toBe(0);
  });
});
