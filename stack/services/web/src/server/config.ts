/** What the environment says. A value that can't be understood stops the start. */

import { readFileSync } from "node:fs";

export interface Config {
  host: string;
  port: number;
  api: URL;
  /** Whether the session's cookie is for https only; null: as the request came. */
  cookieSecure: boolean | null;
  graceSeconds: number;
  limits: Limits;
}

export interface Limits {
  urlBytes: number;
  headBytes: number;
  bodyBytes: number;
  headSeconds: number;
  requestSeconds: number;
  idleSeconds: number;
  connections: number;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

function text(env: Environment, name: string, usual: string): string {
  const file = env[`${name}_FILE`];
  if (file) {
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      throw new ConfigError(`${name}_FILE: the file can't be read`);
    }
  }
  return env[name] || usual;
}

function whole(env: Environment, name: string, usual: number, least: number, most: number): number {
  const given = text(env, name, String(usual));
  const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new ConfigError(`${name} has to be a whole number from ${least} to ${most}, and is ${JSON.stringify(given)}`);
  }
  return value;
}

function address(env: Environment, name: string, usual: string): URL {
  const given = text(env, name, usual);
  let url: URL | null = null;
  try {
    url = new URL(given);
  } catch {
    // Said below.
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    throw new ConfigError(`${name} has to be an address such as http://127.0.0.1:8080`);
  }
  return url;
}

function choice(env: Environment, name: string): boolean | null {
  const given = text(env, name, "");
  if (given === "") return null;
  if (given === "true" || given === "false") return given === "true";
  throw new ConfigError(`${name} has to be true or false, and is ${JSON.stringify(given)}`);
}

export function readConfig(env: Environment): Config {
  const host = text(env, "WEB_HOST", "127.0.0.1");
  if (!/^[A-Za-z0-9.:_-]+$/.test(host)) throw new ConfigError("WEB_HOST has to be an address to listen on");
  return {
    host,
    port: whole(env, "WEB_PORT", 3000, 0, 65535),
    api: address(env, "API_URL", "http://127.0.0.1:8080"),
    cookieSecure: choice(env, "WEB_SESSION_COOKIE_SECURE"),
    graceSeconds: whole(env, "WEB_GRACE_SECONDS", 30, 0, 3600),
    limits: {
      urlBytes: whole(env, "WEB_MAX_URL_BYTES", 4096, 256, 65536),
      headBytes: whole(env, "WEB_MAX_HEADER_BYTES", 32 * 1024, 1024, 65536),
      bodyBytes: whole(env, "WEB_MAX_BODY_BYTES", 1024 * 1024, 1024, 64 * 1024 * 1024),
      headSeconds: whole(env, "WEB_HEADER_SECONDS", 15, 1, 600),
      requestSeconds: whole(env, "WEB_REQUEST_SECONDS", 30, 1, 3600),
      idleSeconds: whole(env, "WEB_IDLE_SECONDS", 120, 1, 3600),
      connections: whole(env, "WEB_MAX_CONNECTIONS", 1024, 1, 100_000),
    },
  };
}
