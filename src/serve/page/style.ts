// The look of the page at `/`: readable on a phone, light and dark.

export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2733; --muted: #5b6775; --line: #d5dbe2; --blue: #2563a8; --band: #2563a833; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --muted: #9aa6b4; --line: #38424f; --blue: #7db3ee; --band: #7db3ee33; --paper: #161b22; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { margin: 0; font-size: 1.4rem; } h2 { margin: 0 0 .25rem; font-size: 1.15rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; } a { color: var(--blue); } #server, .facts { color: var(--muted); }
section { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; }
form { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem; margin: .75rem 0; }
label { display: block; font-size: .85rem; color: var(--muted); overflow-wrap: anywhere; } label.wide { grid-column: 1 / -1; }
input, select, textarea, button { width: 100%; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px; padding: .35rem .5rem; }
option { color: #1d2733; } button { align-self: end; background: var(--blue); color: var(--paper); border: 0; cursor: pointer; }
table { border-collapse: collapse; font-size: .9rem; } td, th { padding: .15rem .75rem .15rem 0; text-align: left; font-weight: normal; }
td { font-variant-numeric: tabular-nums; } svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; } svg .axis { stroke: var(--muted); }
svg .band { fill: var(--band); } svg .bar { fill: var(--blue); } svg .mean { stroke: var(--blue); stroke-width: 2; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid var(--line); border-radius: 6px; font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.problem { color: #c0392b; } footer { margin: 1rem 0; color: var(--muted); }
`;
