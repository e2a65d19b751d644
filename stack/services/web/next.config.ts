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
  images: { unoptimized: true },
};

export default config;
