/** Scripts and styles, compressed when they were built: names change with their contents, so they are kept for ever. */

import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};
const CODINGS = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

interface Asset {
  file: string;
  type: string;
  sizes: ReadonlyMap<string, number>;
}

/** The codings that a client takes; one with q=0 it does not take. */
export function accepted(header: string | undefined): Set<string> {
  const found = new Set<string>();
  for (const part of (header ?? "").split(",")) {
    const [name = "", ...settings] = part.trim().toLowerCase().split(";");
    if (name !== "" && !settings.some((one) => /^\s*q=0(?:\.0*)?\s*$/.test(one))) found.add(name.trim());
  }
  return found;
}

export class StaticFiles {
  private readonly assets = new Map<string, Asset>();

  /** @param folder what `/_next/static/` is. */
  constructor(folder: string) {
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const type = TYPES[path.extname(name)];
      const file = path.join(folder, name);
      if (type === undefined || !statSync(file).isFile()) continue;
      const sizes = new Map<string, number>([["", statSync(file).size]]);
      for (const [coding, ending] of CODINGS) {
        if (existsSync(file + ending)) sizes.set(coding, statSync(file + ending).size);
      }
      this.assets.set(`/_next/static/${name.split(path.sep).join("/")}`, { file, type, sizes });
    }
  }

  /** Answer, if it is one of these. */
  serve(pathname: string, request: IncomingMessage, response: ServerResponse): boolean {
    const asset = this.assets.get(pathname);
    if (!asset) return false;
    const taken = accepted(request.headers["accept-encoding"]);
    const [coding, ending] = CODINGS.find(([name]) => taken.has(name) && asset.sizes.has(name)) ?? ["", ""];
    response.setHeader("Content-Type", asset.type);
    response.setHeader("Content-Length", asset.sizes.get(coding) ?? 0);
    response.setHeader("Cache-Control", "public, max-age=31536000, immutable");
    response.setHeader("Vary", "Accept-Encoding");
    if (coding !== "") response.setHeader("Content-Encoding", coding);
    if (request.method === "HEAD") {
      response.end();
      return true;
    }
    createReadStream(asset.file + ending)
      .on("error", () => response.destroy())
      .pipe(response);
    return true;
  }
}
