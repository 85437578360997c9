/// <reference types="vitest/config" />
import { fileURLToPath } from 'node:url';
import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { mockApi } from './src/mocks/plugin.ts';

const backend = process.env.HEADROOM_URL ?? 'http://127.0.0.1:8080';
const proxy = process.env.MOCK ? undefined : { '/v1': backend, '/openapi.json': backend, '/docs': backend };
// The same policy that the binary sends, so that `preview` fails where production would.
const csp = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwind(), ...(process.env.MOCK && mode !== 'test' ? [mockApi()] : [])],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': csp } },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 400 },
  // how long a busy machine takes is not what the tests are about
  test: {
    // of two cores one would otherwise stand idle
    testTimeout: 60_000, maxWorkers: '100%', setupFiles: ['src/mocks/setup.ts'],
    // a document is most of what a test of pages costs: the others have none, or ask for it by a comment
    projects: [
      { extends: true, test: { name: 'logic', environment: 'node', include: ['src/**/*.test.ts'] } },
      { extends: true, test: { name: 'pages', environment: 'jsdom', include: ['src/**/*.test.tsx'] } },
    ],
  },
}));
