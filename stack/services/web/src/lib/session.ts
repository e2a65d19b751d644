/** The session's cookie: the api's token, which no script sees. */

const NAME = "forge_session";
const TOKEN = /^[A-Za-z0-9._~+/=-]{8,512}$/;

/** A name that no other host can set, where the browser keeps that promise: on https. */
export const cookieName = (isSecure: boolean): string => (isSecure ? `__Host-${NAME}` : NAME);

export function readToken(cookies: string | undefined, isSecure: boolean): string | null {
  const name = cookieName(isSecure);
  for (const pair of (cookies ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) {
      const value = pair.slice(at + 1).trim();
      return TOKEN.test(value) ? value : null;
    }
  }
  return null;
}

function cookie(value: string, isSecure: boolean, seconds: number): string {
  const secure = isSecure ? "; Secure" : "";
  return `${cookieName(isSecure)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}

export function keepToken(token: string, expires: Date, isSecure: boolean, now = new Date()): string {
  if (!TOKEN.test(token)) throw new Error("The api gave a token that no cookie can hold");
  return cookie(token, isSecure, Math.max(0, Math.floor((expires.getTime() - now.getTime()) / 1000)));
}

export const forgetToken = (isSecure: boolean): string => cookie("", isSecure, 0);
