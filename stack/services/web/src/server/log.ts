/** JSON lines on standard output, one for each event, and nothing else. */

import { format } from "node:util";
import { isSpanContextValid, trace } from "@opentelemetry/api";
import type { Bridge } from "../lib/bridge";

export type Level = "debug" | "info" | "warn" | "error";

const ORDER: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Ids {
  requestId: string;
  traceId?: string;
  spanId?: string;
}

export class Log {
  private readonly least: number;

  constructor(
    private readonly service: string,
    private readonly write: (line: string) => void = (line) => process.stdout.write(line),
    least: Level = "info",
  ) {
    this.least = ORDER[least];
  }

  say(level: Level, message: string, fields: Fields = {}, ids?: Ids): void {
    if (ORDER[level] < this.least) return;
    const context = trace.getActiveSpan()?.spanContext();
    const active = context && isSpanContextValid(context) ? context : undefined;
    this.write(
      `${JSON.stringify({
        timestamp: new Date().toISOString(),
        level,
        service: this.service,
        message,
        request_id: ids?.requestId,
        trace_id: ids?.traceId ?? active?.traceId,
        span_id: ids?.spanId ?? active?.spanId,
        ...fields,
      })}\n`,
    );
  }
}

/** What may be told of an error: its kind and message, without what it was made of. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return "something that is no error was thrown";
  const cause = error.cause instanceof Error ? `: ${(error.cause as NodeJS.ErrnoException).code ?? error.cause.name}` : "";
  return `${error.name}: ${error.message.slice(0, 300)}${cause}`;
}

/** Whatever Next or a library prints becomes a line like all others. */
export function takeConsole(log: Log, requests: Bridge["requests"]): void {
  const through =
    (level: Level) =>
    (...values: unknown[]): void => {
      const shown = values.map((value) => (value instanceof Error ? told(value) : value));
      const id = requests.getStore()?.id;
      log.say(level, format(...shown).slice(0, 2000), {}, id ? { requestId: id } : undefined);
    };
  console.debug = through("debug");
  console.log = console.info = through("info");
  console.warn = through("warn");
  console.error = through("error");
}
