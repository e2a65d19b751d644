/** The server in front of Next as one file; Next itself stays where it is. */

import { build } from "esbuild";
import path from "node:path";

export async function bundleServer(root, outfile, version) {
  await build({
    entryPoints: [path.join(root, "src", "server", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["next"],
    define: { ENGINEROOM_VERSION: JSON.stringify(version) },
    // Some of what is bundled still asks for Node's own modules in the old way.
    banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
    legalComments: "none",
    logLevel: "warning",
  });
}
