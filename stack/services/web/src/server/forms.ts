/**
 * Forms without scripts: what was typed is sent to the page's own address, done, and answered with another page
 * (303); or it could not be done, and the page is shown again with what was typed, and the true status.
 */

import { ApiError } from "../lib/api";
import { request, type FormState, type RequestState } from "../lib/bridge";
import { match } from "../lib/routes";
import { query } from "../lib/urls";
import * as account from "./actions/account";
import * as job from "./actions/job";
import * as repository from "./actions/repository";
import * as work from "./actions/work";
import { forgetToken } from "../lib/session";

export interface Submission {
  params: Readonly<Record<string, string>>;
  fields: Fields;
}

export interface Done {
  location: string;
  cookie?: string;
}

export type Action = (form: Submission) => Promise<Done>;

/** The fields of a form; what is missing is empty. */
export class Fields {
  constructor(private readonly values: URLSearchParams) {}

  /** One line, without blanks around it. */
  line(name: string): string {
    return (this.values.get(name) ?? "").replace(/[\r\n]+/g, " ").trim();
  }

  /** As typed, with the line ends of the forge. */
  text(name: string): string {
    return (this.values.get(name) ?? "").replace(/\r\n?/g, "\n");
  }

  /** Exactly as typed. */
  secret(name: string): string {
    return this.values.get(name) ?? "";
  }

  isSet(name: string): boolean {
    return this.values.has(name);
  }

  /** What the page may show again: everything but secrets. */
  shown(): Record<string, string> {
    return Object.fromEntries([...this.values].filter(([name]) => !/password/i.test(name)));
  }
}

/** A form that can't be done as it is; told at its fields. */
export class FormError extends Error {
  override readonly name = "FormError";

  constructor(readonly errors: Readonly<Record<string, string>>, message = "") {
    super(message);
  }
}

/** By route, then by the form's hidden field `action`. */
const ACTIONS: Readonly<Record<string, Readonly<Record<string, Action>>>> = {
  "/login": { "": account.signIn },
  "/register": { "": account.register },
  "/logout": { "": account.signOut },
  "/new": { "": repository.create },
  "/{owner}/{repo}": { star: repository.star, unstar: repository.unstar },
  "/{owner}/{repo}/settings": { save: repository.save, delete: repository.remove },
  "/{owner}/{repo}/issues/new": { "": work.openIssue },
  "/{owner}/{repo}/issues/{number}": { comment: work.comment, close: work.close, reopen: work.reopen },
  "/{owner}/{repo}/pulls/new": { "": work.openPull },
  "/{owner}/{repo}/pull/{number}": {
    comment: work.comment,
    close: work.closePull,
    reopen: work.reopenPull,
    merge: work.merge,
  },
  "/{owner}/{repo}/jobs": { "": job.start },
  "/{owner}/{repo}/jobs/{id}": { cancel: job.cancel },
};

export type Outcome = { kind: "moved"; location: string } | { kind: "again"; status: number; form: FormState } | { kind: "unknown" };

/** Do what a form says; the state of the request gets the cookie. */
export async function submit(state: RequestState, body: string): Promise<Outcome> {
  const values = new URLSearchParams(body);
  const fields = new Fields(values);
  const name = values.get("action") ?? "";
  const forms = ACTIONS[state.template];
  const action = forms && Object.hasOwn(forms, name) ? forms[name] : undefined;
  if (!action) return { kind: "unknown" };
  const params = match(state.pathname)?.params ?? {};
  try {
    const done = await action({ params, fields });
    if (done.cookie) state.cookies.push(done.cookie);
    return { kind: "moved", location: done.location };
  } catch (error) {
    return refused(error, name, fields);
  }
}

function refused(error: unknown, action: string, fields: Fields): Outcome {
  const state = request();
  if (error instanceof FormError) {
    return { kind: "again", status: 422, form: { action, values: fields.shown(), errors: error.errors, message: error.message } };
  }
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401 && state.template !== "/login") {
    if (state.token) state.cookies.push(forgetToken(state.isSecure));
    return { kind: "moved", location: `/login${query({ next: state.pathname, why: state.token ? "ended" : "" })}` };
  }
  state.retryAfter = error.retryAfter;
  const errors = error.status === 422 ? error.details : {};
  const message = Object.keys(errors).length > 0 ? "" : error.message;
  return { kind: "again", status: error.status, form: { action, values: fields.shown(), errors, message } };
}
