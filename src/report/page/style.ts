// How the page looks, in light and dark. Chart colors are from Okabe & Ito's palette, told apart by all common color visions;
// the dark variants are lighter tones of the same hues. The page's script reads them, so a color is stated once.

const LIGHT = `--page: #f4f5f7; --card: #ffffff; --text: #16202c; --text-soft: #5a6675; --line: #dfe3e8; --grid: #e9ecf0;
  --shade: #f1efe4; --muted: #77818d; --ink: #16202c;
  --blue: #0072b2; --orange: #d55e00; --green: #00805f; --purple: #a8568a;`;

export const STYLE = `
:root {
  color-scheme: light dark;
  ${LIGHT}
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141a; --card: #171e26; --text: #e8edf2; --text-soft: #9aa7b4; --line: #29323d; --grid: #232c36;
    --shade: #222c37; --muted: #8995a2; --ink: #e8edf2;
    --blue: #56b4e9; --orange: #f0955a; --green: #3fc79b; --purple: #d99ac2;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 20px 32px; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; letter-spacing: -0.01em; margin: 36px 0 12px; }
h3 { font-size: 0.98rem; margin: 0; overflow-wrap: anywhere; }
.subtitle { color: var(--text-soft); margin: 8px 0 0; max-width: 80ch; overflow-wrap: anywhere; text-wrap: pretty; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.summary { display: flex; flex-wrap: wrap; gap: 1px; margin: 24px 0 0; overflow: hidden; background: var(--line); }
.summary > div { flex: 1 1 125px; background: var(--card); padding: 14px 16px; min-width: 0; }
.summary dt { color: var(--text-soft); font-size: 0.8rem; line-height: 1.3; }
.summary dd { margin: 4px 0 0; font-size: 1.28rem; font-weight: 600; letter-spacing: -0.01em; line-height: 1.25; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.summary small { display: block; margin-top: 2px; color: var(--text-soft); font-size: 0.78rem; font-weight: 400; letter-spacing: 0; }
.digest { margin: 12px 0 0; padding: 10px 16px; font-size: 0.8rem; color: var(--text-soft); }
.digest code { color: var(--text); overflow-wrap: anywhere; margin-left: 8px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.notes { margin: 0 0 16px; padding: 12px 16px 12px 34px; border-left: 4px solid var(--orange); font-size: 0.92rem; }
.notes li + li { margin-top: 6px; }
.table { padding: 8px 16px; }
.table + .charts, .charts + .table, .table + .table, .images + .table { margin-top: 16px; }
.scroll { overflow-x: auto; }
.caption { margin: 6px 0 8px; color: var(--text-soft); font-size: 0.84rem; max-width: 90ch; text-wrap: pretty; }
table { border-collapse: collapse; min-width: min(100%, 620px); font-size: 0.84rem; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 22px 5px 0; text-align: right; white-space: nowrap; font-weight: 400; }
th:last-child, td:last-child { padding-right: 2px; }
tr > :first-child { text-align: left; }
tbody th, thead th { color: var(--text-soft); }
thead th { white-space: normal; vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--grid); }
tr.strong td, tr.strong th { font-weight: 600; color: var(--text); }
.confusion { min-width: 0; }
.confusion th, .confusion td { padding: 5px 10px; text-align: center; }
.confusion td { min-width: 44px; border: 1px solid var(--card); }
.confusion td.right { background: color-mix(in srgb, var(--blue) calc(var(--share) * 30%), var(--card)); }
.confusion td.wrong { background: color-mix(in srgb, var(--orange) calc(var(--share) * 60%), var(--card)); }
.zero { color: var(--text-soft); }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 12px; padding: 16px; }
.images figure { display: block; padding: 0; }
.images canvas { width: 100%; image-rendering: pixelated; border-radius: 6px; display: block; }
.images figcaption { margin: 4px 0 0; font-size: 0.78rem; }
#what-if-fields { padding: 12px 16px; }
.what-if { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 2fr); gap: 24px; margin-top: 12px; align-items: start; }
.what-if-form { display: grid; gap: 8px; max-height: 480px; overflow-y: auto; padding: 2px; }
.what-if-form label { display: grid; grid-template-columns: minmax(0, 1fr) 130px; gap: 10px; align-items: center; font-size: 0.86rem; color: var(--text-soft); overflow-wrap: anywhere; }
.what-if-form :is(input, select) { font: inherit; width: 100%; min-width: 0; color: var(--text); background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: 5px 8px; }
.what-if-facts { display: grid; grid-template-columns: auto auto; justify-content: start; gap: 4px 20px; margin: 0 0 14px; font-variant-numeric: tabular-nums; }
.what-if-facts dt { color: var(--text-soft); }
.what-if-facts dd { margin: 0; font-weight: 600; }
.what-if-bars { list-style: none; margin: 0 0 12px; padding: 0; display: grid; gap: 4px; font-size: 0.9rem; }
.what-if-bars li { display: grid; grid-template-columns: minmax(0, 9em) 1fr 4.5em; gap: 10px; align-items: center; font-variant-numeric: tabular-nums; }
.what-if-bars b { text-align: right; }
.what-if-bars progress { width: 100%; accent-color: var(--blue); }
.what-if svg { width: 100%; display: block; font-size: 13px; }
.what-if svg text { fill: var(--text-soft); }
.what-if svg .band { fill: var(--blue); opacity: 0.18; }
.what-if svg .mean { fill: none; stroke: var(--blue); stroke-width: 2.5; }
.what-if svg .now { stroke: var(--muted); stroke-dasharray: 4 4; }
.what-if-error { color: var(--orange); }
@media (max-width: 720px) { .what-if { grid-template-columns: minmax(0, 1fr); } }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
figure { margin: 0; padding: 16px 16px 14px; min-width: 0; display: grid; grid-template-rows: subgrid; grid-row: span 4; row-gap: 0; align-content: start; }
figure.wide { grid-column: 1 / -1; }
figure.alone {
  grid-column: 1 / -1; grid-row: auto; column-gap: 28px;
  grid-template: "title chart" auto "caption chart" auto "legend chart" 1fr / minmax(0, 1fr) minmax(0, 1.7fr);
}
figure.alone > h3 { grid-area: title; }
figure.alone > figcaption { grid-area: caption; }
figure.alone > .chart { grid-area: chart; }
figure.alone > .below { grid-area: legend; }
figure.alone .legend { flex-direction: column; padding-left: 0; }
figcaption { color: var(--text-soft); font-size: 0.84rem; line-height: 1.45; margin: 4px 0 10px; max-width: 90ch; text-wrap: pretty; }
.chart { min-width: 0; overflow: hidden; border-radius: 6px; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.numbers { margin: 8px 0 0; font-size: 0.82rem; }
.numbers > summary { padding: 2px 4px; font-weight: 400; color: var(--text-soft); }
.numbers .scroll { max-height: 320px; overflow: auto; margin-top: 6px; }
.legend { display: flex; flex-wrap: wrap; align-content: start; gap: 4px 18px; margin-top: 8px; padding-left: 4px; font-size: 0.82rem; color: var(--text-soft); min-height: 3.2em; }
.entry { display: inline-flex; align-items: center; gap: 6px; }
.entry b { color: var(--text); font-weight: 600; font-variant-numeric: tabular-nums; }
.swatch { flex: none; width: 18px; height: 0; border-top: 2.5px solid currentColor; }
.swatch.none { display: none; }
.swatch.dashed { border-top-style: dashed; border-top-width: 2px; }
.swatch.dot { width: 8px; height: 8px; border: 0; border-radius: 50%; background: currentColor; }
.swatch.bar, .swatch.band, .swatch.strongBand { height: 11px; border: 0; background: currentColor; border-radius: 2px; }
.swatch.bar { width: 11px; opacity: 0.6; }
.swatch.band { opacity: 0.2; }
.swatch.strongBand { opacity: 0.45; }
.swatch.shade { height: 11px; border: 1px solid var(--line); border-radius: 2px; background: var(--shade); }
.swatch.blue { color: var(--blue); } .swatch.orange { color: var(--orange); } .swatch.green { color: var(--green); }
.swatch.purple { color: var(--purple); } .swatch.muted { color: var(--muted); } .swatch.ink { color: var(--ink); }
.u-cursor-x { border-right: 1px solid var(--muted) !important; }
.u-select { background: color-mix(in srgb, var(--blue) 14%, transparent) !important; }
details { margin-top: 36px; }
summary { cursor: pointer; padding: 12px 16px; font-weight: 600; }
details pre { margin: 0; padding: 4px 16px 16px; font-size: 0.82rem; line-height: 1.5; overflow-x: auto; }
footer { margin-top: 24px; color: var(--text-soft); font-size: 0.8rem; }
.hint { margin: 4px 0 0; }
@media (max-width: 720px) {
  main { padding: 24px 12px; }
  h1 { font-size: 1.5rem; }
  .charts { grid-template-columns: minmax(0, 1fr); }
  figure.alone { grid-template: "title" auto "caption" auto "chart" auto "legend" auto / minmax(0, 1fr); }
  .summary > div { flex-basis: 40%; }
  figure { padding: 14px 10px 12px; }
}
/* Set by the page's script around a print, so that what is drawn has the colors of paper too. */
:root.paper { color-scheme: light; ${LIGHT} --page: #ffffff; }
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; ${LIGHT} --page: #ffffff; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  figure, .summary, .notes, .digest, .images, tr { break-inside: avoid; }
  .charts { gap: 12px; }
  .charts > figure { display: block; }
  .charts > figure.alone { padding-right: 25%; }
  /* Charts were drawn as wide as the screen: on paper they shrink to the page instead of being cut. */
  .chart .uplot, .chart .u-wrap { width: 100% !important; height: auto !important; }
  .chart .u-under, .chart .u-over, .chart .u-axis, .hint, .numbers { display: none; }
  .chart .u-wrap canvas { position: static; width: 100% !important; height: auto !important; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; }
  .legend { min-height: 0; }
}
`;
