/** The web: Next's pages behind limits, an id, a span, counters and one log line for each request. */

import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { setBridge, type RequestState } from "../lib/bridge";
import { ConfigError, readConfig, type Config } from "./config";
import { protocolRefusal } from "./heads";
import { Log, takeConsole, told } from "./log";
import { Metrics } from "./metrics";
import { refuseOnSocket } from "./refuse";
import { Serving } from "./serving";
import { StaticFiles } from "./static";
import { startTelemetry } from "./telemetry";
import { openUpstream } from "./upstream";

declare const ENGINEROOM_VERSION: string;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface NextApp {
  prepare(): Promise<void>;
  getRequestHandler(): Handler;
  close?(): Promise<void>;
}

const BAD_CONFIG = 78;

async function main(): Promise<void> {
  const log = new Log(process.env.OTEL_SERVICE_NAME || "web");
  let config: Config;
  try {
    config = readConfig(process.env);
  } catch (error) {
    log.say("error", error instanceof ConfigError ? error.message : told(error));
    process.exit(BAD_CONFIG);
  }
  const requests = new AsyncLocalStorage<RequestState>();
  takeConsole(log, requests);
  process.on("unhandledRejection", (error) => { log.say("error", "a promise failed unheard", { error: told(error) }); });
  process.on("uncaughtException", (error) => {
    log.say("error", "the web ends: a failure that nobody expected", { error: told(error) });
    process.exit(1);
  });

  const metrics = new Metrics();
  const telemetry = startTelemetry(process.env, ENGINEROOM_VERSION, metrics);
  // Next puts a fetch of its own into its place, with a cache and spans.
  const upstream = openUpstream(config.api, telemetry.tracer, metrics, globalThis.fetch);
  setBridge({
    requests,
    ask: (call) => upstream.ask(call),
    failed: (error) => { log.say("error", "a page failed", { error: told(error) }, idsOf(requests.getStore())); },
  });

  const isDevelopment = process.env.NODE_ENV === "development";
  const app = openNext(config, isDevelopment);
  await app.prepare();
  const serving = new Serving({
    config, log, metrics, tracer: telemetry.tracer, upstream, requests,
    pages: app.getRequestHandler(),
    files: new StaticFiles(path.join(import.meta.dirname, ".next", "static")), version: ENGINEROOM_VERSION, isDevelopment,
  }); // prettier-ignore

  const { limits } = config;
  const server = createServer(
    {
      // Above our own limit, so that a head a little too long still gets an answer of its own.
      maxHeaderSize: Math.max(limits.headBytes, limits.urlBytes) * 2,
      headersTimeout: limits.headSeconds * 1000,
      requestTimeout: limits.requestSeconds * 1000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    (request, response) => void serving.answer(request, response),
  );
  server.maxConnections = limits.connections;
  server.setTimeout(limits.idleSeconds * 1000);
  server.on("clientError", (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    const refusal = protocolRefusal(error, error.rawPacket);
    if (refusal) serving.refusedBeforehand(refusal);
    refuseOnSocket(socket, refusal);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, config.host, resolve);
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : config.port;
  log.say("info", "the web answers", { host: config.host, port, version: ENGINEROOM_VERSION });

  let isEnding = false;
  const end = (signal: string): void => {
    if (isEnding) return;
    isEnding = true;
    log.say("info", "ending: requests that run may finish", { signal, grace_seconds: config.graceSeconds });
    serving.drain();
    const last = setTimeout(() => {
      log.say("warn", "requests were cut off at the end of the grace");
      server.closeAllConnections();
    }, config.graceSeconds * 1000);
    server.close(() => {
      clearTimeout(last);
      const soon = new Promise<void>((resolve) => setTimeout(resolve, 5_000).unref());
      void Promise.race([telemetry.shutdown().catch(() => undefined), soon]).then(() => process.exit(0));
    });
    server.closeIdleConnections();
  };
  process.on("SIGTERM", () => { end("SIGTERM"); });
  process.on("SIGINT", () => { end("SIGINT"); });
}

function idsOf(state: RequestState | undefined): { requestId: string } | undefined {
  return state && { requestId: state.id };
}

/** Next with the configuration that was built in; it reads none at run time. */
function openNext(config: Config, isDevelopment: boolean): NextApp {
  const require = createRequire(import.meta.url);
  const dir = isDevelopment ? process.cwd() : import.meta.dirname;
  const built = path.join(dir, ".next", "required-server-files.json");
  if (!isDevelopment) {
    if (!existsSync(built)) throw new Error("The pages are not built: run `npm run build` and start what it leaves");
    const { config: known } = JSON.parse(readFileSync(built, "utf8")) as { config: unknown };
    // React looks at this, and is much slower without.
    Object.assign(process.env, { NODE_ENV: "production" });
    process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(known);
    process.chdir(dir);
  }
  process.env.NEXT_TELEMETRY_DISABLED = "1";
  const next = require("next") as (options: object) => NextApp;
  return next({ dev: isDevelopment, dir, hostname: config.host, port: config.port, quiet: true });
}

main().catch((error: unknown) => {
  new Log("web").say("error", "the web could not start", { error: told(error) });
  process.exit(1);
});
