// Metrics in Prometheus' text format: counters, gauges that are read when asked, and histograms, each with labels.

type Labels = Readonly<Record<string, string>>;

/** One line's name and labels. */
function series(name: string, labels: Labels): string {
  const parts = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`,
  );
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`;
}

interface Metric {
  lines(): string[];
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

class Counter implements Metric {
  readonly #values = new Map<string, number>();
  constructor(
    readonly name: string,
    readonly help: string,
  ) {}

  add(labels: Labels, by = 1): void {
    const key = series(this.name, labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  lines(): string[] {
    return [...head(this.name, 'counter', this.help), ...[...this.#values].map(([key, n]) => `${key} ${n}`)];
  }
}

class Gauge implements Metric {
  constructor(
    readonly name: string,
    readonly help: string,
    readonly read: () => readonly (readonly [Labels, number])[],
  ) {}

  lines(): string[] {
    const values = this.read().map(([labels, value]) => `${series(this.name, labels)} ${value}`);
    return [...head(this.name, 'gauge', this.help), ...values];
  }
}

class Histogram implements Metric {
  readonly #series = new Map<string, { labels: Labels; buckets: number[]; sum: number; count: number }>();
  constructor(
    readonly name: string,
    readonly help: string,
    /** Upper bounds, rising; the last bucket is of all. */
    readonly bounds: readonly number[],
  ) {}

  observe(labels: Labels, value: number): void {
    const key = series(this.name, labels);
    const found = this.#series.get(key);
    const entry = found ?? { labels, buckets: this.bounds.map(() => 0), sum: 0, count: 0 };
    if (found === undefined) this.#series.set(key, entry);
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) entry.buckets[bucket]++;
    entry.sum += value;
    entry.count++;
  }

  lines(): string[] {
    const out = head(this.name, 'histogram', this.help);
    for (const { labels, buckets, sum, count } of this.#series.values()) {
      let below = 0;
      for (const [b, bound] of this.bounds.entries()) {
        below += buckets[b];
        out.push(`${series(`${this.name}_bucket`, { ...labels, le: String(bound) })} ${below}`);
      }
      out.push(`${series(`${this.name}_bucket`, { ...labels, le: '+Inf' })} ${count}`);
      out.push(
        `${series(`${this.name}_sum`, labels)} ${sum}`,
        `${series(`${this.name}_count`, labels)} ${count}`,
      );
    }
    return out;
  }
}

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What a server counts. */
export class ServerMetrics {
  readonly requests = new Counter('varpool_requests_total', 'Inference requests by model and HTTP status.');
  readonly rejections = new Counter(
    'varpool_rejections_total',
    'Inference requests that were refused, by HTTP status.',
  );
  readonly rows = new Counter('varpool_rows_total', 'Rows answered.');
  readonly draws = new Counter('varpool_draws_total', 'Draws computed, rows × draws of a row.');
  readonly seconds = new Histogram('varpool_request_seconds', 'Time from a request to its answer.', SECONDS);
  readonly batchRows = new Histogram('varpool_batch_rows', 'Rows computed together.', SIZES);
  readonly batchRequests = new Histogram('varpool_batch_requests', 'Requests with rows in a batch.', SIZES);
  readonly #gauges: Gauge[] = [];

  gauge(name: string, help: string, read: () => readonly (readonly [Labels, number])[]): void {
    this.#gauges.push(new Gauge(name, help, read));
  }

  /** All in the text format. */
  text(): string {
    const { requests, rejections, rows, draws, seconds, batchRows, batchRequests } = this;
    const all: Metric[] = [
      requests,
      rejections,
      rows,
      draws,
      seconds,
      batchRows,
      batchRequests,
      ...this.#gauges,
    ];
    return `${all.flatMap((metric) => metric.lines()).join('\n')}\n`;
  }
}
