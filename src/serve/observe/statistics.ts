// Counts and times of one served version, in the form of the protocol's statistics extension: nanoseconds, successes and failures apart.

interface Duration {
  count: number;
  ns: number;
}

const none = (): Duration => ({ count: 0, ns: 0 });

function add(duration: Duration, ms: number): void {
  duration.count++;
  duration.ns += Math.round(ms * 1e6);
}

/** Milliseconds of a request that was answered. */
export interface Times {
  readonly total: number;
  readonly input: number;
  readonly queue: number;
  readonly compute: number;
  readonly output: number;
}

export class ModelStatistics {
  readonly #success = none();
  readonly #fail = none();
  readonly #queue = none();
  readonly #input = none();
  readonly #infer = none();
  readonly #output = none();
  /** By rows in a batch. */
  readonly #batches = new Map<number, Duration>();
  #rows = 0;
  #executions = 0;
  #last = 0;

  success(rows: number, times: Times): void {
    this.#rows += rows;
    this.#last = Date.now();
    add(this.#success, times.total);
    add(this.#queue, times.queue);
    add(this.#input, times.input);
    add(this.#infer, times.compute);
    add(this.#output, times.output);
  }

  failure(ms: number): void {
    add(this.#fail, ms);
  }

  batch(rows: number, ms: number): void {
    this.#executions++;
    const size = this.#batches.get(rows) ?? none();
    this.#batches.set(rows, size);
    add(size, ms);
  }

  /** An entry of `model_stats`. */
  entry(name: string, version: string): object {
    return {
      name,
      version,
      last_inference: this.#last,
      inference_count: this.#rows,
      execution_count: this.#executions,
      inference_stats: {
        success: { ...this.#success },
        fail: { ...this.#fail },
        queue: { ...this.#queue },
        compute_input: { ...this.#input },
        compute_infer: { ...this.#infer },
        compute_output: { ...this.#output },
      },
      batch_stats: [...this.#batches]
        .sort(([a], [b]) => a - b)
        .map(([batch_size, compute_infer]) => ({ batch_size, compute_infer: { ...compute_infer } })),
    };
  }
}
