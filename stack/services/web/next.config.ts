import path from "node:path";
import type { NextConfig } from "next";

const here = path.resolve(import.meta.dirname);

const config: NextConfig = {
  output: "standalone",
  outputFileTracingRoot: here,
  turbopack: { root: here },
  poweredByHeader: false,
  reactStrictMode: true,
  productionBrowserSourceMaps: false,
  // Pictures go out as they are: nothing that works on them is needed.
  images: { unoptimized: true },
  outputFileTracingExcludes: { "*": ["node_modules/sharp/**", "node_modules/@img/**", "node_modules/detect-libc/**", "node_modules/semver/**"] },
};

export default config;
