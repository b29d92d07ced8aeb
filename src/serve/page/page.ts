// The page at `/`, in one answer: its look and its script, with nothing loaded from elsewhere.

import type { FastifyReply } from 'fastify';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** @param secured whether the page has to ask for a token */
export function page(reply: FastifyReply, secured: boolean): FastifyReply {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>varpool</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header><h1>varpool</h1><p id="server">asking the server…</p></header>
${secured ? '<p><label>Token <input id="token" type="password" autocomplete="off"></label></p>' : ''}
<main id="models" aria-live="polite"></main>
<footer><a href="openapi.json">openapi.json</a> · <a href="metrics">metrics</a></footer>
<script type="module">${SCRIPT}</script>
</body>
</html>
`;
  return reply
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', 'no-cache')
    .header('x-content-type-options', 'nosniff')
    .header(
      'content-security-policy',
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'",
    )
    .send(Buffer.from(html));
}
