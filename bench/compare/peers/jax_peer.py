"""JAX: jit with donated state for a step and a draw, lax.scan over whole epochs for small networks.

Each step is waited for: dispatched one after the other without waiting, they took longer on two cores. `rbg` is the same with JAX's faster generator in place
of its default, threefry.
"""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from peer import serve, sizes_of

RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
# Steps of one call of whole epochs.
CALL_STEPS = 1024


def batches_of(sizes):
    """Minibatches of an epoch."""
    return 16 if sizes[-1] == 1 else 64


def batch_size(sizes):
    return 32 if sizes[-1] == 1 else 128


def make_data(sizes, rows):
    x = ((np.arange(rows * sizes[0]) * 7919) % 256 / 255).astype(np.float32).reshape(rows, sizes[0])
    y = np.arange(rows) % sizes[-1] if sizes[-1] > 1 else ((np.arange(rows) * 31) % 17 / 17).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(y)


def make_state(sizes, impl):
    key = jax.random.key(0, impl=impl)
    layers = []
    for i, o in zip(sizes[:-1], sizes[1:]):
        key, part = jax.random.split(key)
        layers.append(
            {
                "mu": jax.random.normal(part, (i, o)) * (2 / i) ** 0.5,
                "rho": jnp.full((i, o), -5.0),
                "bias_mu": jnp.zeros(o),
                "bias_rho": jnp.full((o,), -5.0),
            }
        )
    q = {"layers": layers}
    if sizes[-1] == 1:
        q["noise"] = jnp.zeros(())
    zeros = lambda: jax.tree.map(jnp.zeros_like, q)
    return q, zeros(), zeros(), key, jnp.float32(1)


def drawn(mu, rho, key):
    sigma = jax.nn.softplus(rho)
    return mu + sigma * jax.random.normal(key, mu.shape), sigma


def kl(mu, sigma):
    return jnp.sum(-jnp.log(sigma) + 0.5 * (sigma * sigma + mu * mu) - 0.5)


def forward(q, key, x):
    h, total = x, 0.0
    for l, layer in enumerate(q["layers"]):
        key, one, two = jax.random.split(key, 3)
        w, sigma = drawn(layer["mu"], layer["rho"], one)
        b, bias_sigma = drawn(layer["bias_mu"], layer["bias_rho"], two)
        total += kl(layer["mu"], sigma) + kl(layer["bias_mu"], bias_sigma)
        h = h @ w + b
        if l < len(q["layers"]) - 1:
            h = jax.nn.relu(h)
    return h, total


def loss(q, key, x, y, rows):
    h, total = forward(q, key, x)
    if "noise" in q:
        scale = jax.nn.softplus(q["noise"])
        nll = jnp.mean(0.5 * ((y - h[:, 0]) / scale) ** 2 + jnp.log(scale))
    else:
        nll = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1))
    return nll + total / rows


def adam(q, m, v, g, t):
    m = jax.tree.map(lambda a, b: BETA1 * a + (1 - BETA1) * b, m, g)
    v = jax.tree.map(lambda a, b: BETA2 * a + (1 - BETA2) * b * b, v, g)
    step_size, v_scale = RATE / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
    q = jax.tree.map(lambda p, a, b: p - step_size * a / (jnp.sqrt(b) * v_scale + EPS), q, m, v)
    return q, m, v


def step(state, index, x, y):
    q, m, v, key, t = state
    key, part = jax.random.split(key)
    value, g = jax.value_and_grad(loss)(q, part, x[index], y[index], float(len(x)))
    q, m, v = adam(q, m, v, g, t)
    return (q, m, v, key, t + 1), value


def jit_step(case, impl):
    sizes = sizes_of(case)
    B, count = batch_size(sizes), batches_of(sizes)
    x, y = make_data(sizes, B * count)
    order = np.random.default_rng(0).permutation(len(x)).reshape(count, B)
    batches = [jnp.asarray(rows) for rows in order]
    one = jax.jit(step, donate_argnums=0)
    state = make_state(sizes, impl)

    def run(units):
        nonlocal state
        value = None
        for unit in range(units):
            state, value = one(state, batches[unit % count], x, y)
            jax.block_until_ready((state, value))

    return run


def scan_epochs(case, impl):
    """A unit is a call of whole epochs, rows in a new order in each."""
    sizes = sizes_of(case)
    B, count = batch_size(sizes), batches_of(sizes)
    x, y = make_data(sizes, B * count)

    def epoch(state, _):
        q, m, v, key, t = state
        key, part = jax.random.split(key)
        order = jax.random.permutation(part, len(x)).reshape(count, B)
        return jax.lax.scan(lambda s, index: step(s, index, x, y), (q, m, v, key, t), order)

    epochs = jax.jit(lambda state: jax.lax.scan(epoch, state, None, length=CALL_STEPS // count), donate_argnums=0)
    state = make_state(sizes, impl)

    def run(calls):
        nonlocal state
        for _ in range(calls):
            state, values = epochs(state)
            values.block_until_ready()

    run.steps = CALL_STEPS
    return run


def jit_draw(case, impl):
    """Mean and mean square over draws of the probabilities of 128 rows; a jitted call a draw."""
    sizes = sizes_of(case)
    x, _ = make_data(sizes, 128)
    q, _, _, key, _ = make_state(sizes, impl)

    @partial(jax.jit, donate_argnums=2)
    def draw(q, key, sums, x):
        key, part = jax.random.split(key)
        h, _ = forward(q, part, x)  # The compiler leaves the unused KL out.
        p = jax.nn.softmax(h) if sizes[-1] > 1 else h
        entropy = -jnp.sum(p * jax.nn.log_softmax(h), axis=1)
        return key, (sums[0] + p, sums[1] + p * p, sums[2] + entropy)

    sums = (jnp.zeros((128, sizes[-1])), jnp.zeros((128, sizes[-1])), jnp.zeros(128))

    def run(units):
        nonlocal key, sums
        for _ in range(units):
            key, sums = draw(q, key, sums, x)
        jax.block_until_ready(sums)

    return run


def main():
    threefry, rbg = "threefry2x32", "rbg"
    small, large = ["13-50-1", "784-50-50-10"], ["784-400-400-10", "784-1200-1200-10"]
    cases = {}
    for net in small + large:
        cases[(f"step {net}", "jit")] = partial(jit_step, f"step {net}", threefry)
    for net in small:
        cases[(f"epoch {net}", "scan")] = partial(scan_epochs, f"epoch {net}", threefry)
    for net in large:
        cases[(f"draw {net}", "jit")] = partial(jit_draw, f"draw {net}", threefry)
    # Compiling takes seconds a case, so the other generator runs where it can matter most.
    for name, make in (("step", jit_step), ("draw", jit_draw)):
        cases[(f"{name} {large[1]}", "jit rbg")] = partial(make, f"{name} {large[1]}", rbg)
    versions = {"jax": jax.__version__, "python": sys.version.split()[0]}
    serve({"name": "jax", "versions": versions, "devices": str(jax.devices())}, cases)


main()
