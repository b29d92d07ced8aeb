// Sums, each in the one order its length fixes: row by row in 16 lanes, then one tree over the lanes.
#include "vecmath.h"

void KERNEL(sumrows_f32)(BASE ptr out, ptr x, uint32_t rows, uint32_t start) {
  const float *xp = F32(x);
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = start ? load(F32(out) + v * VW) : splat(0.0f);
  for (uint32_t r = 0; r < rows; r++, xp += LANES)
    for (int v = 0; v < VPR; v++) sum[v] = sum[v] + load(xp + v * VW);
  for (int v = 0; v < VPR; v++) store(F32(out) + v * VW, sum[v]);
}

void KERNEL(sum_f32)(BASE ptr out, ptr x, uint32_t count) {
  const float *xp = F32(x);
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (; count >= LANES; count -= LANES, xp += LANES)
    for (int v = 0; v < VPR; v++) sum[v] = sum[v] + load(xp + v * VW);
  for (uint32_t l = 0; l < LANES - 1; l++) // a constant trip count keeps the lanes in registers
    if (l < count) sum[l / VW][l % VW] += xp[l];
  *F32(out) = fold(sum);
}

void KERNEL(kl_f32)(BASE
    ptr out, ptr mu, ptr rho, uint32_t rows, uint32_t lanes, float logPriorSigma, float halfPriorPrecision) {
  const float *mp = F32(mu), *rp = F32(rho);
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (uint32_t r = 0; r < rows; r++, mp += LANES, rp += LANES)
    UNROLLED
    for (int v = 0; v < VPR; v++) {
      vf m = load(mp + v * VW), sigma = softplus(load(rp + v * VW));
      vf kl = (logPriorSigma - log_any(sigma)) + madd(madd(sigma, sigma, m * m), splat(halfPriorPrecision), splat(-0.5f));
      sum[v] = sum[v] + keep(lane_mask(v, lanes), kl);
    }
  *F32(out) = fold(sum);
}

void KERNEL(squares_f32)(BASE ptr out, ptr x, uint32_t rows, uint32_t lanes) {
  const float *xp = F32(x);
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (uint32_t r = 0; r < rows; r++, xp += LANES)
    for (int v = 0; v < VPR; v++) {
      vf value = load(xp + v * VW);
      sum[v] = sum[v] + keep(lane_mask(v, lanes), value * value);
    }
  *F32(out) = fold(sum);
}
