/**
 * What the server in front of Next and the pages inside it share. Both are bundled on their own, so they meet at a
 * symbol: the state of the request that is being answered, and the way to the api.
 */

import type { AsyncLocalStorage } from "node:async_hooks";

/** What a form came back with when it could not be done. */
export interface FormState {
  /** Which of a page's forms. */
  action: string;
  values: Readonly<Record<string, string>>;
  errors: Readonly<Record<string, string>>;
  message: string;
}

/** One request on its way; pages read it, and say what status and headers the answer gets. */
export interface RequestState {
  readonly id: string;
  readonly method: string;
  /** As asked for, still encoded, without the query. */
  readonly pathname: string;
  readonly search: string;
  readonly template: string;
  readonly token: string | null;
  readonly isSecure: boolean;
  /** Whom the request comes from and by which proxies, nearest last; only as true as they are. */
  readonly forwardedFor: string;
  readonly signal: AbortSignal;
  /** HTML that was made on the server and goes to the page as it is; see components/ready-made.tsx. */
  readonly readyMade: Map<string, string>;
  form: FormState | null;
  status: number | null;
  location: string | null;
  retryAfter: string | null;
  /** Seconds after which the page is asked for again. */
  refresh: number | null;
  cookies: string[];
}

export interface ApiCall {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /api/v1, each part encoded. */
  path: string;
  query?: string;
  body?: unknown;
  token?: string | null;
  requestId: string;
  /** Goes on as `X-Forwarded-For`. */
  forwardedFor?: string;
  signal?: AbortSignal;
  /** For the whole answer; of a stream, for its head. */
  seconds: number;
  isStream?: boolean;
}

export interface Bridge {
  requests: AsyncLocalStorage<RequestState>;
  /** @throws {Unreachable} when there is no answer. */
  ask(call: ApiCall): Promise<Response>;
  /** Tells the log of a failure in a page. */
  failed(error: unknown): void;
}

/** The api did not answer, or not in time. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(
    readonly isLate: boolean,
    cause: unknown,
  ) {
    super(isLate ? "The forge does not answer in time" : "The forge does not answer", { cause });
  }
}

const KEY = Symbol.for("engineroom.web");

type Holder = Record<symbol, Bridge | undefined>;

export function setBridge(bridge: Bridge): void {
  (globalThis as unknown as Holder)[KEY] = bridge;
}

export function bridge(): Bridge {
  const found = (globalThis as unknown as Holder)[KEY];
  if (!found) throw new Error("The web is started with server.mjs, which was not");
  return found;
}

/** The request that is being answered. */
export function request(): RequestState {
  const found = bridge().requests.getStore();
  if (!found) throw new Error("There is no request here");
  return found;
}

/** The same, where there may be none: in a browser. */
export const requestIfAny = (): RequestState | undefined => (globalThis as unknown as Holder)[KEY]?.requests.getStore();
