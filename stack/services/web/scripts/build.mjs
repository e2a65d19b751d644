/** Builds the pages and the server, and puts all that runs into one folder: .next/standalone. */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { bundleServer } from "./bundle.mjs";

const root = path.resolve(import.meta.dirname, "..");
const out = path.join(root, ".next", "standalone");

// What a former build left there would be taken for a part of this one.
rmSync(out, { recursive: true, force: true });
const next = path.join(root, "node_modules", "next", "dist", "bin", "next");
const built = spawnSync(process.execPath, [next, "build"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
});
if (built.status !== 0) process.exit(built.status ?? 1);

cpSync(path.join(root, ".next", "static"), path.join(out, ".next", "static"), { recursive: true });
if (existsSync(path.join(root, "public"))) cpSync(path.join(root, "public"), path.join(out, "public"), { recursive: true });
const files = path.join(out, ".next", "static");
for (const name of readdirSync(files, { recursive: true, encoding: "utf8" })) {
  if (!/\.(?:js|css)$/.test(name)) continue;
  const text = readFileSync(path.join(files, name));
  writeFileSync(path.join(files, `${name}.br`), brotliCompressSync(text));
  writeFileSync(path.join(files, `${name}.gz`), gzipSync(text, { level: 9 }));
}
// What was built runs anywhere, so it names no folder of this machine.
const told = path.join(out, ".next", "required-server-files.json");
writeFileSync(told, readFileSync(told, "utf8").replaceAll(JSON.stringify(root).slice(1, -1), "."));
// Next's own start has neither limits nor counters.
rmSync(path.join(out, "server.js"), { force: true });
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
await bundleServer(root, path.join(out, "server.mjs"), version);
console.log(`built: start it with node ${path.relative(process.cwd(), path.join(out, "server.mjs"))}`);
