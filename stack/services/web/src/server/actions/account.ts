/** Signing in, up and out. */

import { ApiError, send } from "../../lib/api";
import { request } from "../../lib/bridge";
import { safeNext } from "../../lib/urls";
import { FormError, type Action } from "../forms";
import { forgetToken, keepToken } from "../../lib/session";

interface Session {
  token: string;
  expires_at: string;
}

async function open(username: string, password: string): Promise<string> {
  const session = await send<Session>("POST", "/auth/login", { username, password });
  return keepToken(session.token, new Date(session.expires_at), request().isSecure);
}

export const signIn: Action = async ({ fields }) => {
  const username = fields.line("username");
  const password = fields.secret("password");
  if (username === "" || password === "") throw new FormError({}, "Enter your user name and your password.");
  try {
    return { location: safeNext(fields.line("next")), cookie: await open(username, password) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      throw new ApiError(401, error.code, "The user name or the password is wrong.");
    }
    throw error;
  }
};

export const register: Action = async ({ fields }) => {
  const username = fields.line("username");
  const password = fields.secret("password");
  if (password !== fields.secret("password_again")) {
    throw new FormError({ password_again: "is not the same password" });
  }
  await send("POST", "/auth/register", {
    username,
    email: fields.line("email"),
    password,
    full_name: fields.line("full_name"),
  });
  return { location: safeNext(fields.line("next")), cookie: await open(username, password) };
};

export const signOut: Action = async () => {
  const { token, isSecure } = request();
  if (token) {
    try {
      await send("POST", "/auth/logout");
    } catch (error) {
      // A session that is over already is what was asked for; one that can't be ended now is said.
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
  }
  return { location: "/", cookie: forgetToken(isSecure) };
};
