"""The same posterior behind FastAPI, at its best: `fastapi_peer.py FILE torch|jax THREADS` prints the port it took.

Drawn weights (mode sample) or noise (mode marginal) are kept; requests that wait are put together, up to 256 rows; all draws of a
batch are one product a layer; bodies are read and written by orjson; uvicorn runs on uvloop and httptools and keeps no access log.
"""

import asyncio
import json
import os
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

FILE, LIBRARY, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

DRAWS = 32
MOST_ROWS = 256


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).copy()
        for name, entry in header.items()
    }


def layers_of(path):
    """Of each layer (mu [I, O], sigma [I, O], mu of biases [O], sigma of biases [O])."""
    tensors = read_safetensors(path)
    count = 1 + max(int(name.split(".")[1]) for name in tensors)
    layers = []
    for n in range(count):
        get = lambda name: tensors[f"layers.{n}.{name}"]
        sigma = lambda name: np.logaddexp(0, get(name)).astype(np.float32)
        layers.append((get("weight.mu"), sigma("weight.rho"), get("bias.mu"), sigma("bias.rho")))
    return layers


LAYERS = layers_of(FILE)
rng = np.random.default_rng(7)
# Mode sample: weights of all draws, [S, I, O] and [S, 1, O]; the first layer's side by side, [I, S·O].
DRAWN = [
    (
        (mu + sigma * rng.standard_normal((DRAWS, *mu.shape), np.float32)).astype(np.float32),
        (b + s * rng.standard_normal((DRAWS, *b.shape), np.float32)).astype(np.float32)[:, None, :],
    )
    for mu, sigma, b, s in LAYERS
]
FIRST = np.ascontiguousarray(DRAWN[0][0].transpose(1, 0, 2).reshape(LAYERS[0][0].shape[0], -1))
FIRST_BIAS = np.ascontiguousarray(DRAWN[0][1].reshape(1, -1))
# Mode marginal: variances, and noise of each unit that rows share.
VARIANCES = [(sigma**2, s**2) for _, sigma, _, s in LAYERS]
NOISE = [rng.standard_normal((DRAWS, 1, mu.shape[1]), np.float32) for mu, *_ in LAYERS]


def torch_functions():
    import torch

    torch.set_num_threads(THREADS)
    tensor = lambda value: torch.from_numpy(np.ascontiguousarray(value))
    first, first_bias = tensor(FIRST), tensor(FIRST_BIAS)
    rest = [(tensor(w), tensor(b)) for w, b in DRAWN[1:]]
    layers = [tuple(map(tensor, layer)) for layer in LAYERS]
    variances = [tuple(map(tensor, pair)) for pair in VARIANCES]
    noise = [tensor(value) for value in NOISE]

    def summary(logits):
        p = torch.softmax(logits, -1)
        mean = p.mean(0)
        entropy = -(p * torch.log(p.clamp_min(1e-30))).sum(-1).mean(0)
        total = -(mean * torch.log(mean.clamp_min(1e-30))).sum(-1)
        return mean.numpy(), p.var(0, unbiased=False).numpy(), total.numpy(), (total - entropy).numpy()

    @torch.inference_mode()
    def sample(x):
        rows = x.shape[0]
        h = torch.addmm(first_bias, torch.from_numpy(x), first).relu_()
        h = h.view(rows, DRAWS, -1).transpose(0, 1)
        for n, (w, b) in enumerate(rest):
            h = torch.baddbmm(b, h, w)
            if n < len(rest) - 1:
                h.relu_()
        return summary(h)

    @torch.inference_mode()
    def marginal(x):
        h = torch.from_numpy(x)
        for n, ((mu, _, b, _), (variance, b_variance), z) in enumerate(zip(layers, variances, noise)):
            m = torch.matmul(h, mu) + b
            v = torch.matmul(h * h, variance) + b_variance
            h = m + v.sqrt_() * z
            if n < len(layers) - 1:
                h.relu_()
        return summary(h)

    return {"sample": sample, "marginal": marginal}, torch.__version__


def jax_functions():
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    def summary(logits):
        p = jax.nn.softmax(logits, -1)
        mean = p.mean(0)
        entropy = -(p * jnp.log(jnp.maximum(p, 1e-30))).sum(-1).mean(0)
        total = -(mean * jnp.log(jnp.maximum(mean, 1e-30))).sum(-1)
        return mean, p.var(0), total, total - entropy

    first, first_bias = jnp.asarray(FIRST), jnp.asarray(FIRST_BIAS)
    rest = [(jnp.asarray(w), jnp.asarray(b)) for w, b in DRAWN[1:]]

    # Weights are arguments: as constants they would be folded into the program.
    @jax.jit
    def sample(x, first, first_bias, rest):
        h = jax.nn.relu(x @ first + first_bias).reshape(x.shape[0], DRAWS, -1).transpose(1, 0, 2)
        for n, (w, b) in enumerate(rest):
            h = jnp.matmul(h, w) + b
            if n < len(rest) - 1:
                h = jax.nn.relu(h)
        return summary(h)

    @jax.jit
    def marginal(x, layers, variances, noise):
        h = x
        for n, ((mu, _, b, _), (variance, b_variance), z) in enumerate(zip(layers, variances, noise)):
            h = h @ mu + b + jnp.sqrt((h * h) @ variance + b_variance) * z
            if n < len(layers) - 1:
                h = jax.nn.relu(h)
        return summary(h)

    layers = jax.tree.map(jnp.asarray, LAYERS)
    variances = jax.tree.map(jnp.asarray, VARIANCES)
    noise = [jnp.asarray(value) for value in NOISE]

    def padded(call):
        # A program for each power of two of rows, so that no request waits for a compiler.
        def run(x):
            rows = 1
            while rows < x.shape[0]:
                rows *= 2
            full = np.zeros((rows, x.shape[1]), np.float32)
            full[: x.shape[0]] = x
            return [np.asarray(value)[: x.shape[0]] for value in call(full)]

        for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256):
            run(np.zeros((rows, LAYERS[0][0].shape[0]), np.float32))
        return run

    return {
        "sample": padded(lambda x: sample(x, first, first_bias, rest)),
        "marginal": padded(lambda x: marginal(x, layers, variances, noise)),
    }, jax.__version__


FUNCTIONS, VERSION = torch_functions() if LIBRARY == "torch" else jax_functions()


class Batcher:
    """One batch is computed at a time, in a thread; requests gather meanwhile."""

    def __init__(self, function):
        self.function = function
        self.waiting = []
        self.wake = asyncio.Event()
        self.pool = ThreadPoolExecutor(1)
        self.task = asyncio.get_running_loop().create_task(self.run())

    async def ask(self, row):
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append((row, answer))
        self.wake.set()
        return await answer

    async def run(self):
        loop = asyncio.get_running_loop()
        while True:
            await self.wake.wait()
            batch, self.waiting = self.waiting[:MOST_ROWS], self.waiting[MOST_ROWS:]
            if not self.waiting:
                self.wake.clear()
            x = np.stack([row for row, _ in batch])
            mean, variance, entropy, information = await loop.run_in_executor(self.pool, self.function, x)
            for n, (_, answer) in enumerate(batch):
                answer.set_result((mean[n], variance[n], entropy[n], information[n]))


app = FastAPI()
batchers = {}


@app.post("/infer/{mode}")
async def infer(mode: str, request: Request):
    if mode not in batchers:
        batchers[mode] = Batcher(FUNCTIONS[mode])
    body = orjson.loads(await request.body())
    row = np.asarray(body["inputs"][0]["data"], np.float32)
    mean, variance, entropy, information = await batchers[mode].ask(row)
    answer = {
        "label": str(int(mean.argmax())),
        "probabilities": mean,
        "predictive_entropy": entropy,
        "mutual_information": information,
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
print(json.dumps({"port": listener.getsockname()[1], "version": f"{LIBRARY} {VERSION}"}), flush=True)
config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
uvicorn.Server(config).run(sockets=[listener])
