// The gradient as the optimizer remembers it (Optimizer.gradientMemory). The gradient itself exists only block by block inside the
// fused update, so what can be measured without touching a step is the running mean that the optimizer keeps.

/** Σ x² over the elements from … to − 1. */
export function sumOfSquares(x: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += x[i] * x[i];
  return sum;
}
