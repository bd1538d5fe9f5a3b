/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The result is embedded by control/console, which keeps what is below /assets/ for ever and puts a nonce into index.html.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../control/console/dist",
    emptyOutDir: false, // scripts/clean.mjs keeps the .gitignore that lets `go build` work without a console
    target: "es2022",
    assetsInlineLimit: 0, // no data: addresses
    modulePreload: { polyfill: false }, // would be an inline script
    chunkSizeWarningLimit: 1000,
    rollupOptions: {
      // A comment of a library that says nothing wrong, only not where Rollup looks for it.
      onwarn: (w, warn) => {
        if (w.code !== "INVALID_ANNOTATION") warn(w);
      },
    },
  },
  resolve: {
    alias: {
      "@": fileURLToPath(new URL("./src", import.meta.url)),
      // Its package.json names a module that is not in it.
      "@xterm/headless": "@xterm/headless/lib-headless/xterm-headless.mjs",
    },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], testTimeout: 20000 },
});
