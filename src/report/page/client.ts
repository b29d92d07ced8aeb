// What runs in the reader's browser: draws every chart of the page's JSON with uPlot. The function is sent as its own source
// text, so it may use nothing but its arguments and the language; the interfaces are the few DOM parts it touches.

import type { ChartSpec, Color } from '../charts/chartSpec.ts';

interface Element {
  textContent: string;
  className: string;
  readonly clientWidth: number;
  append(...children: Element[]): void;
  addEventListener(type: 'keydown', listener: (event: Key) => void): void;
  addEventListener(type: 'focus' | 'blur', listener: () => void): void;
}
interface Key {
  readonly key: string;
  preventDefault(): void;
}
interface Picture extends Element {
  width: number;
  height: number;
  getContext(kind: '2d'): {
    createImageData(width: number, height: number): { readonly data: Uint8ClampedArray };
    putImageData(image: unknown, x: number, y: number): void;
  };
}
interface Images {
  readonly width: number;
  readonly height: number;
  readonly items: ReadonlyArray<{ readonly pixels: readonly number[] }>;
}
interface Page {
  readonly documentElement: Element;
  getElementById(id: string): Element | null;
  createElement(tag: string): Element;
}
interface Browser {
  readonly ResizeObserver: new (callback: () => void) => { observe(element: Element): void };
  getComputedStyle(element: Element): { getPropertyValue(name: string): string };
  matchMedia(query: string): { addEventListener(type: 'change', listener: () => void): void };
  addEventListener(type: 'beforeprint' | 'afterprint', listener: () => void): void;
}
interface Chart {
  readonly ctx: {
    fillStyle: string;
    strokeStyle: string;
    lineWidth: number;
    globalAlpha: number;
    save(): void;
    restore(): void;
    beginPath(): void;
    rect(x: number, y: number, w: number, h: number): void;
    clip(): void;
    arc(x: number, y: number, r: number, from: number, to: number): void;
    fill(): void;
    stroke(): void;
    fillRect(x: number, y: number, w: number, h: number): void;
    moveTo(x: number, y: number): void;
    lineTo(x: number, y: number): void;
    setLineDash(dash: number[]): void;
    font: string;
    textAlign: string;
    fillText(text: string, x: number, y: number): void;
    measureText(text: string): { readonly width: number };
  };
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly cursor: { idx?: number | null };
  valToPos(value: number, scale: string, canvas: boolean): number;
  setSize(size: { width: number; height: number }): void;
  setCursor(at: { left: number; top: number }): void;
  setScale(scale: 'x', range: { min: number; max: number }): void;
  redraw(rebuildPaths: boolean): void;
}
interface UPlot {
  new (options: object, data: unknown[], target: Element): Chart;
  readonly pxRatio: number;
  readonly paths: Record<'bars' | 'stepped' | 'linear', (options: object) => unknown>;
}

/**
 * Draws `specs` into the elements named `chart-<id>` and `legend-<id>`, and `images` into `image-<i>`; redraws on resize, on a change
 * of color scheme and for print. Arrow keys read a focused chart aloud, into `said-<id>`.
 */
export function drawCharts(
  page: Page,
  browser: Browser,
  uPlot: UPlot,
  specs: readonly ChartSpec[],
  images: Images | null,
): void {
  const charts: Chart[] = [];
  const css = (name: string) =>
    browser.getComputedStyle(page.documentElement).getPropertyValue(`--${name}`).trim();
  // Functions, not values: uPlot asks for them at every draw, so the colors follow the scheme.
  const stroke = (name: string) => () => css(name);
  const faded = (color: Color, opacity: number) => () =>
    css(color) +
    Math.round(opacity * 255)
      .toString(16)
      .padStart(2, '0');
  const show = (value: number | null | undefined, format: string) => {
    if (value === null || value === undefined) return '–';
    if (format === 'percent') return `${Number((100 * value).toPrecision(3))} %`;
    return String(Number(value.toPrecision(4))).replace('-', '−');
  };

  for (const spec of specs) {
    const target = page.getElementById(`chart-${spec.id}`);
    const legend = page.getElementById(`legend-${spec.id}`);
    if (!target || !legend) continue;

    const item = (label: string, color: string, mark: string) => {
      const entry = page.createElement('span');
      const swatch = page.createElement('i');
      const name = page.createElement('span');
      const value = page.createElement('b');
      entry.className = 'entry';
      swatch.className = `swatch ${mark} ${color}`;
      name.textContent = label;
      entry.append(swatch, name, value);
      legend.append(entry);
      return value;
    };
    const values = spec.legend.map((entry) => item(entry.label, entry.color, entry.mark));
    const position = item('', 'muted', 'none');

    const hover = (u: Chart) => {
      const i = u.cursor.idx;
      for (const [e, entry] of spec.legend.entries()) {
        const shown = entry.series.map((s) => show(spec.series[s].values[i ?? -1], spec.yFormat));
        values[e].textContent = i === null || i === undefined ? '' : shown.join(' … ');
      }
      if (i === null || i === undefined) position.textContent = '';
      else {
        const to = spec.intervals && i + 1 < spec.x.length ? ` … ${show(spec.x[i + 1], spec.xFormat)}` : '';
        position.textContent = `${spec.xName} ${show(spec.x[i], spec.xFormat)}${to}`;
      }
    };

    const clipped = (u: Chart, draw: () => void) => {
      u.ctx.save();
      u.ctx.beginPath();
      u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      u.ctx.clip();
      draw();
      u.ctx.restore();
    };
    const background = (u: Chart) =>
      clipped(u, () => {
        if (!spec.shade) return;
        const [from, to] = spec.shade.map((x) => u.valToPos(x, 'x', true));
        u.ctx.fillStyle = css('shade');
        u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
        u.ctx.strokeStyle = css('muted');
        u.ctx.lineWidth = uPlot.pxRatio;
        u.ctx.globalAlpha = 0.6;
        u.ctx.setLineDash([2 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
        u.ctx.beginPath();
        for (const edge of [from, to]) {
          u.ctx.moveTo(edge, u.bbox.top);
          u.ctx.lineTo(edge, u.bbox.top + u.bbox.height);
        }
        u.ctx.stroke();
      });
    const foreground = (u: Chart) =>
      clipped(u, () => {
        const px = uPlot.pxRatio;
        if (spec.diagonal) {
          u.ctx.strokeStyle = css('muted');
          u.ctx.lineWidth = 1.5 * px;
          u.ctx.setLineDash([5 * px, 5 * px]);
          // The line y = x, as far as either axis goes; the rest is clipped away.
          const from = Math.min(spec.xRange[0], spec.yRange[0]);
          const to = Math.max(spec.xRange[1], spec.yRange[1]);
          u.ctx.beginPath();
          u.ctx.moveTo(u.valToPos(from, 'x', true), u.valToPos(from, 'y', true));
          u.ctx.lineTo(u.valToPos(to, 'x', true), u.valToPos(to, 'y', true));
          u.ctx.stroke();
          u.ctx.setLineDash([]);
        }
        for (const { color, hollow, x, y, lower, upper } of spec.points) {
          if (lower !== undefined && upper !== undefined) {
            u.ctx.strokeStyle = css(color);
            u.ctx.lineWidth = 1.2 * px;
            u.ctx.globalAlpha = x.length > 60 ? 0.3 : 0.75;
            u.ctx.beginPath();
            for (let i = 0; i < x.length; i++) {
              u.ctx.moveTo(u.valToPos(x[i], 'x', true), u.valToPos(lower[i], 'y', true));
              u.ctx.lineTo(u.valToPos(x[i], 'x', true), u.valToPos(upper[i], 'y', true));
            }
            u.ctx.stroke();
          }
          const radius = (x.length > 400 ? 1.6 : x.length > 120 ? 2.2 : 3) * px;
          u.ctx.fillStyle = css(color);
          u.ctx.strokeStyle = hollow ? css(color) : css('card');
          u.ctx.lineWidth = (hollow ? 1.4 : 0.8) * px;
          u.ctx.globalAlpha = x.length > 400 ? 0.6 : 0.9;
          for (let i = 0; i < x.length; i++) {
            u.ctx.beginPath();
            u.ctx.arc(u.valToPos(x[i], 'x', true), u.valToPos(y[i], 'y', true), radius, 0, 2 * Math.PI);
            if (!hollow) u.ctx.fill();
            u.ctx.stroke();
          }
        }
        const { counts = [] } = spec;
        u.ctx.font = `${10 * px}px system-ui, sans-serif`;
        u.ctx.textAlign = 'center';
        u.ctx.fillStyle = css('ink');
        u.ctx.globalAlpha = 1;
        const room = counts.length > 1 ? u.bbox.width / (spec.x.length + 1) : u.bbox.width;
        for (const { x, text } of counts) {
          if (u.ctx.measureText(text).width > 1.05 * room) continue;
          u.ctx.fillText(text, u.valToPos(x, 'x', true), u.bbox.top + u.bbox.height - 4 * px);
        }
      });

    const series = spec.series.map(({ style, color }) => {
      if (style === 'edge') return { stroke: 'transparent', width: 0, points: { show: false } };
      const common = { stroke: stroke(color), width: 2, spanGaps: true, points: { show: false } as object };
      if (style === 'dashed') return { ...common, dash: [7, 5] };
      if (style === 'dots')
        return { ...common, points: { show: true, size: 7, width: 0, fill: stroke(color) } };
      if (style === 'steps') {
        return { ...common, width: 1.5, fill: faded(color, 0.25), paths: uPlot.paths.stepped({ align: 1 }) };
      }
      if (style === 'bars') {
        const paths = uPlot.paths.bars({ size: [0.92, Number.POSITIVE_INFINITY] });
        return { ...common, width: 1, fill: faded(color, 0.45), paths };
      }
      return common;
    });
    const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    const axis = (label: string, format: string, size: number) => ({
      label,
      size,
      font,
      labelFont: font,
      labelSize: 22,
      labelGap: 2,
      stroke: stroke('text-soft'),
      grid: { stroke: stroke('grid'), width: 1 },
      ticks: { stroke: stroke('grid'), width: 1, size: 5 },
      ...(format === 'integer'
        ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000] }
        : {}),
      values: (_: Chart, ticks: number[]) => ticks.map((tick) => show(tick, format)),
    });
    const size = () => {
      const width = target.clientWidth;
      const height = spec.wide
        ? Math.min(440, Math.max(280, width * 0.5))
        : Math.min(320, Math.max(230, width * 0.66));
      return { width, height: Math.round(height) };
    };
    const [x0, x1] = spec.xRange;
    const chart = new uPlot(
      {
        ...size(),
        padding: [10, 22, 0, 0], // room for the last tick's text
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false }, points: { size: 8 } },
        scales: {
          // Dragging zooms into x; a zoom that holds everything is the whole range again.
          x: {
            time: false,
            range: (_: Chart, a: number, b: number) =>
              a <= spec.x[0] && b >= spec.x[spec.x.length - 1] ? [x0, x1] : [a, b],
          },
          y: { range: () => [...spec.yRange] },
        },
        axes: [axis(spec.xLabel, spec.xFormat, 30), axis(spec.yLabel, spec.yFormat, 54)],
        series: [{}, ...series],
        bands: spec.bands.map((band) => ({
          series: [band.upper + 1, band.lower + 1],
          fill: faded(band.color, band.opacity),
        })),
        hooks: { drawClear: [background], draw: [foreground], setCursor: [hover] },
      },
      [spec.x, ...spec.series.map((one) => one.values)],
      target,
    );
    charts.push(chart);
    // Keys move the same cursor as the pointer; what it shows is read out, once it rests.
    const said = page.getElementById(`said-${spec.id}`);
    const last = spec.x.length - 1;
    const step = Math.max(1, Math.round(spec.x.length / 60));
    target.addEventListener('keydown', (event) => {
      const i = chart.cursor.idx ?? null;
      const to: Record<string, number> = {
        ArrowRight: i === null ? 0 : Math.min(last, i + step),
        ArrowLeft: i === null ? last : Math.max(0, i - step),
        Home: 0,
        End: last,
      };
      if (event.key === 'Escape') chart.setScale('x', { min: spec.x[0], max: spec.x[last] });
      else if (event.key in to) {
        event.preventDefault();
        chart.setCursor({ left: chart.valToPos(spec.x[to[event.key]], 'x', false), top: 0 });
        const parts = spec.legend.flatMap((entry, e) =>
          entry.series.length === 0 ? [] : [`${entry.label} ${values[e].textContent}`],
        );
        if (said) said.textContent = `${position.textContent}: ${parts.join(', ')}`;
      }
    });
    target.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }));
    new browser.ResizeObserver(() => chart.setSize(size())).observe(target);
  }
  const redraw = () => {
    for (const chart of charts) chart.redraw(false);
  };
  browser.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  // Paper is white, whatever the screen is.
  for (const [type, name] of [
    ['beforeprint', 'paper'],
    ['afterprint', ''],
  ] as const) {
    browser.addEventListener(type, () => {
      page.documentElement.className = name;
      redraw();
    });
  }
  for (const [i, { pixels }] of (images?.items ?? []).entries()) {
    const canvas = page.getElementById(`image-${i}`) as Picture | null;
    if (!canvas || !images) continue;
    canvas.width = images.width;
    canvas.height = images.height;
    const context = canvas.getContext('2d');
    const image = context.createImageData(images.width, images.height);
    for (const [p, gray] of pixels.entries()) image.data.set([gray, gray, gray, 255], 4 * p);
    context.putImageData(image, 0, 0);
  }
}
