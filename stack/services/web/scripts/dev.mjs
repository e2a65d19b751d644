/** Serves the pages while they are written. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { bundleServer } from "./bundle.mjs";

const root = path.resolve(import.meta.dirname, "..");
const server = path.join(root, ".next", "dev-server.mjs");
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
await bundleServer(root, server, version);
const child = spawn(process.execPath, [server], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, NODE_ENV: "development", NEXT_TELEMETRY_DISABLED: "1" },
});
child.on("exit", (code) => process.exit(code ?? 1));
