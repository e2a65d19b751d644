/** What Prometheus is told. */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { UNMATCHED } from "../lib/routes";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A method as a label: whatever clients make up is one value. */
export const methodLabel = (method: string): string => (METHODS.has(method) ? method : "_OTHER");

export class Metrics {
  readonly registry = new Registry();
  private readonly served: Histogram<"http_request_method" | "http_route" | "http_response_status_code">;
  private readonly asked: Histogram<"http_request_method" | "http_response_status_code" | "server_service">;
  readonly active: Gauge;
  readonly exported: Counter;
  readonly dropped: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.served = new Histogram({
      name: "http_server_request_duration_seconds",
      help: "Duration of requests by method, route template and status.",
      labelNames: ["http_request_method", "http_route", "http_response_status_code"],
      buckets: BUCKETS,
      registers,
    });
    this.asked = new Histogram({
      name: "http_client_request_duration_seconds",
      help: "Duration of requests to other services; of files, until they begin. Status 0 means no answer.",
      labelNames: ["http_request_method", "http_response_status_code", "server_service"],
      buckets: BUCKETS,
      registers,
    });
    this.active = new Gauge({ name: "http_server_active_requests", help: "Requests under way.", registers });
    this.exported = new Counter({ name: "otel_spans_exported_total", help: "Spans that a collector took.", registers });
    this.dropped = new Counter({ name: "otel_spans_dropped_total", help: "Spans that were lost.", registers });
    this.begin();
  }

  /** Series that clients bring about by asking for nonsense are there from the start: they never grow. */
  private begin(): void {
    for (const method of [...METHODS, "_OTHER"]) {
      const status = method === "GET" || method === "HEAD" ? "404" : "405";
      this.served.zero({ http_request_method: method, http_route: UNMATCHED, http_response_status_code: status });
    }
    for (const route of ["/{owner}", "/{owner}/{repo}"]) {
      for (const status of ["200", "404"]) {
        this.served.zero({ http_request_method: "GET", http_route: route, http_response_status_code: status });
      }
    }
    for (const status of ["200", "404"]) {
      this.asked.zero({ http_request_method: "GET", http_response_status_code: status, server_service: "api" });
    }
  }

  serve(method: string, route: string, status: number, seconds: number): void {
    this.served.observe(
      { http_request_method: method, http_route: route, http_response_status_code: String(status) },
      seconds,
    );
  }

  ask(method: string, status: number, seconds: number): void {
    this.asked.observe(
      { http_request_method: method, http_response_status_code: String(status), server_service: "api" },
      seconds,
    );
  }
}
