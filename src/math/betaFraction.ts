// The continued fraction of the incomplete beta function, which tails of Student's t and of counts are made of.

/** 10 to 60 terms are used, and more where a + b is in the thousands. */
const MAX_TERMS = 100_000;

/**
 * The continued fraction of the incomplete beta function, I_x(a, b) = x^a·(1 − x)^b / (a·B(a, b))·fraction, for x < (a + 1)/(a + b + 2),
 * by Lentz's method (DLMF 8.17.22).
 */
export function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m < MAX_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    const factor = d * c;
    value *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return value;
}
