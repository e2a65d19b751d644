/** Asking the forge's api, for whoever asks us. */

import { bridge, request, type ApiCall } from "./bridge";
import type { Failure } from "./types";

const SECONDS = 15;

export interface Meta {
  page: number;
  per_page: number;
  total: number | null;
  more?: boolean;
}

/** What the api refused, or that it does not answer. */
export class ApiError extends Error implements Failure {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, string> = {},
    readonly retryAfter: string | null = null,
  ) {
    super(message);
  }

  toFailure(): Failure {
    return { status: this.status, code: this.code, message: this.message, details: this.details };
  }
}

type Query = Readonly<Record<string, string | number | undefined>>;
type Method = ApiCall["method"];

/** A path below /api/v1 whose values are encoded. */
export function p(texts: TemplateStringsArray, ...values: Array<string | number>): string {
  return texts.reduce((path, text, index) => path + encodeURIComponent(String(values[index - 1] ?? "")) + text);
}

function queryOf(values: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values ?? {})) if (value !== undefined) search.set(name, String(value));
  return search.toString();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function errorOf(status: number, body: unknown, retryAfter: string | null): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const details = Object.entries(isRecord(error.details) ? error.details : {}).map(([name, text]) => [name, String(text)]);
  return new ApiError(
    status,
    typeof error.code === "string" ? error.code : "UNKNOWN",
    typeof error.message === "string" ? error.message : "The forge gave an answer that can't be understood",
    Object.fromEntries(details) as Record<string, string>,
    retryAfter,
  );
}

async function answered(
  method: Method,
  path: string,
  query: Query | undefined,
  body?: unknown,
  isStream = false,
): Promise<Response> {
  const asked = request();
  let response: Response;
  try {
    response = await bridge().ask({
      method,
      path,
      query: queryOf(query),
      body,
      token: asked.token,
      requestId: asked.id,
      forwardedFor: asked.forwardedFor,
      signal: asked.signal,
      seconds: SECONDS,
      isStream,
    });
  } catch (error) {
    // The server has a class of its own by this name: it is bundled apart from the pages.
    if (error instanceof Error && error.name === "Unreachable") throw unreachable(error);
    throw error;
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  throw errorOf(response.status, parsed(text), response.headers.get("retry-after"));
}

const unreachable = (error: Error): ApiError =>
  new ApiError("isLate" in error && error.isLate === true ? 504 : 503, "UNAVAILABLE", error.message, {}, "5");

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- whoever asks knows what is answered
async function envelope<T>(response: Response): Promise<{ data: T; meta: Meta | undefined }> {
  let body: unknown;
  try {
    body = parsed(await response.text());
  } catch {
    throw new ApiError(503, "UNAVAILABLE", "The forge broke off its answer", {}, "5");
  }
  if (!isRecord(body) || !("data" in body)) {
    throw new ApiError(502, "UNKNOWN", "The forge gave an answer that can't be understood");
  }
  return { data: body.data as T, meta: body.meta as Meta | undefined };
}

export async function get<T>(path: string, query?: Query): Promise<T> {
  return (await envelope<T>(await answered("GET", path, query))).data;
}

export interface Page<T> {
  items: T[];
  page: number;
  perPage: number;
  total: number | null;
  hasMore: boolean;
}

export async function list<T>(path: string, query?: Query): Promise<Page<T>> {
  const { data, meta } = await envelope<T[] | null>(await answered("GET", path, query));
  const items = data ?? [];
  const page = meta?.page ?? 1;
  const perPage = meta?.per_page ?? items.length;
  const total = meta?.total ?? null;
  return { items, page, perPage, total, hasMore: meta?.more ?? (total !== null && page * perPage < total) };
}

 
export async function send<T = null>(method: Exclude<Method, "GET">, path: string, body?: unknown): Promise<T> {
  const response = await answered(method, path, undefined, body);
  return response.status === 204 ? (null as T) : (await envelope<T>(response)).data;
}

/** The answer as it comes, for files. */
export const stream = (path: string, query?: Query): Promise<Response> => answered("GET", path, query, undefined, true);

/** What isn't there is null. */
export async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
