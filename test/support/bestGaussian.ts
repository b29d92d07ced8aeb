// The Gaussian q of one parameter with the highest ELBO, found by a search over expectations on a grid: what training must end at.

/** mu and sigma that minimize −E_q[log p(y, w)] − log sigma, from a start near them. */
export function bestGaussian(
  logJoint: (w: number) => number,
  start: { readonly mu: number; readonly sigma: number },
): { mu: number; sigma: number } {
  const negativeElbo = (mu: number, sigma: number) => {
    let value = -Math.log(sigma);
    for (let k = -160; k <= 160; k++) {
      const z = k / 20;
      const weight = Math.exp(-0.5 * z * z - 0.5 * Math.log(2 * Math.PI)) / 20;
      value -= weight * logJoint(mu + sigma * z);
    }
    return value;
  };
  let [mu, logSigma] = [start.mu, Math.log(start.sigma)];
  for (let size = 0.1; size > 1e-7; ) {
    const tries = [
      [mu + size, logSigma],
      [mu - size, logSigma],
      [mu, logSigma + size],
      [mu, logSigma - size],
    ];
    const now = negativeElbo(mu, Math.exp(logSigma));
    const better = tries.find(([m, s]) => negativeElbo(m, Math.exp(s)) < now);
    if (better === undefined) size /= 2;
    else [mu, logSigma] = better;
  }
  return { mu, sigma: Math.exp(logSigma) };
}
