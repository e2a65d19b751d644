/** Every page is made in here, so that what the api refuses becomes a page with the same status. */

import type { ReactNode } from "react";
import { Trouble } from "@/components/trouble";
import { ApiError } from "./api";
import { bridge, request } from "./bridge";
import { match } from "./routes";
import { forgetToken } from "./session";
import type { Failure } from "./types";
import { query } from "./urls";

/** The parameters of the address, decoded. */
export function params(): Readonly<Record<string, string>> {
  return match(request().pathname)?.params ?? {};
}

/** What stands behind the question mark. */
export const search = (): URLSearchParams => new URLSearchParams(request().search);

/** The page that is asked for, from 1. */
export function pageNumber(): number {
  const text = search().get("page") ?? "";
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 1;
}

export function nothing(message = "There is no such page"): ApiError {
  return new ApiError(404, "NOT_FOUND", message);
}

/** Leave for another page. */
export function moved(location: string): ReactNode {
  const state = request();
  state.status = 303;
  state.location = location;
  return <a href={location}>Go on</a>;
}

export async function guarded(make: () => Promise<ReactNode>): Promise<ReactNode> {
  const state = request();
  try {
    return await make();
  } catch (error) {
    if (state.signal.aborted) return null;
    if (!(error instanceof ApiError)) {
      bridge().failed(error);
      state.status = 500;
      return <Trouble failure={{ status: 500, code: "INTERNAL_ERROR", message: "Something went wrong here; it is in the log" }} />;
    }
    if (error.status === 401) return signInFirst();
    state.status = error.status;
    state.retryAfter = error.retryAfter;
    return <Trouble failure={shown(error)} isSignedIn={state.token !== null} />;
  }
}

const shown = (error: ApiError): Failure => error.toFailure();

/** Who has to sign in comes back to where they wanted to go. */
export function signInFirst(): ReactNode {
  const state = request();
  const { pathname, search: behind, token } = state;
  if (token !== null) state.cookies.push(forgetToken(state.isSecure));
  return moved(`/login${query({ next: behind ? `${pathname}?${behind}` : pathname, why: token ? "ended" : "" })}`);
}
