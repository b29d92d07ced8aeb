"""PyTorch, written by hand as a user would in eager mode, with Adam fused; and bayesian-torch, a library of Bayesian layers.

bayesian-torch's KL is a mean over weights where the ELBO has a sum; it is left as the library has it, since it costs the same.
"""

import sys
from functools import partial

import torch
import torch.nn.functional as F

from peer import serve, sizes_of


def batches_of(sizes):
    """Minibatches of an epoch."""
    return 16 if sizes[-1] == 1 else 64


def batch_size(sizes):
    return 32 if sizes[-1] == 1 else 128


def make_data(sizes, rows):
    x = ((torch.arange(rows * sizes[0]) * 7919) % 256 / 255).float().reshape(rows, sizes[0])
    y = torch.arange(rows) % sizes[-1] if sizes[-1] > 1 else ((torch.arange(rows) * 31) % 17 / 17).float()
    return x, y


class HandMade(torch.nn.Module):
    """mu and rho of every layer; a forward pass draws w = mu + softplus(rho)·noise and gives the KL to N(0, 1) with it."""

    def __init__(self, sizes):
        super().__init__()
        self.shapes = list(zip(sizes[:-1], sizes[1:]))
        new = lambda value: torch.nn.Parameter(value)
        self.mu = torch.nn.ParameterList([new(torch.randn(i, o) * (2 / i) ** 0.5) for i, o in self.shapes])
        self.rho = torch.nn.ParameterList([new(torch.full((i, o), -5.0)) for i, o in self.shapes])
        self.bias_mu = torch.nn.ParameterList([new(torch.zeros(o)) for _, o in self.shapes])
        self.bias_rho = torch.nn.ParameterList([new(torch.full((o,), -5.0)) for _, o in self.shapes])

    @staticmethod
    def drawn(mu, rho, want_kl):
        sigma = F.softplus(rho)
        w = torch.addcmul(mu, sigma, torch.randn_like(mu))
        return w, (-sigma.log() + 0.5 * (sigma * sigma + mu * mu) - 0.5).sum() if want_kl else 0.0

    def forward(self, x, want_kl=True):
        kl = 0.0
        for l in range(len(self.shapes)):
            w, one = self.drawn(self.mu[l], self.rho[l], want_kl)
            b, two = self.drawn(self.bias_mu[l], self.bias_rho[l], want_kl)
            kl = kl + one + two
            x = torch.addmm(b, x, w)
            if l < len(self.shapes) - 1:
                x = F.relu(x)
        return x, kl


class Library(torch.nn.Module):
    """The same network of bayesian-torch's LinearReparameterization."""

    def __init__(self, sizes):
        super().__init__()
        from bayesian_torch.layers import LinearReparameterization

        self.layers = torch.nn.ModuleList(
            [LinearReparameterization(i, o, posterior_rho_init=-5.0) for i, o in zip(sizes[:-1], sizes[1:])]
        )

    def forward(self, x, want_kl=True):
        kl = 0.0
        for l, layer in enumerate(self.layers):
            out = layer(x, return_kl=want_kl)
            x, one = out if want_kl else (out, 0.0)
            kl = kl + one
            if l < len(self.layers) - 1:
                x = F.relu(x)
        return x, kl


def step(case, network):
    sizes = sizes_of(case)
    B, count = batch_size(sizes), batches_of(sizes)
    torch.manual_seed(0)
    x, y = make_data(sizes, B * count)
    batches = list(torch.randperm(len(x)).reshape(count, B))
    model = network(sizes)
    parameters = list(model.parameters())
    noise = torch.nn.Parameter(torch.zeros(())) if sizes[-1] == 1 else None
    optimizer = torch.optim.Adam(parameters + ([noise] if noise is not None else []), lr=1e-3, fused=True)

    def run(units):
        for unit in range(units):
            index = batches[unit % count]
            out, kl = model(x[index])
            if noise is None:
                nll = F.cross_entropy(out, y[index])
            else:
                scale = F.softplus(noise)
                nll = (0.5 * ((y[index] - out[:, 0]) / scale) ** 2 + scale.log()).mean()
            optimizer.zero_grad(set_to_none=True)
            (nll + kl / len(x)).backward()
            optimizer.step()

    return run


def draw(case, network):
    """Mean and mean square over draws of the probabilities of 128 rows, and their mean entropy."""
    sizes = sizes_of(case)
    torch.manual_seed(0)
    x, _ = make_data(sizes, 128)
    model = network(sizes)
    total, squares, entropies = torch.zeros(128, sizes[-1]), torch.zeros(128, sizes[-1]), torch.zeros(128)

    @torch.inference_mode()
    def run(units):
        for _ in range(units):
            h, _ = model(x, want_kl=False)
            p = F.softmax(h, dim=1)
            total.add_(p)
            squares.addcmul_(p, p)
            entropies.sub_((p * F.log_softmax(h, dim=1)).sum(dim=1))

    return run


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    networks = {"by hand": HandMade}
    versions = {"torch": torch.__version__.split("+")[0], "python": sys.version.split()[0]}
    try:
        from importlib.metadata import version

        import bayesian_torch.layers  # noqa: F401

        networks["bayesian-torch"] = Library
        versions["bayesian-torch"] = version("bayesian-torch")
    except ImportError:
        pass
    cases = {}
    for variant, network in networks.items():
        for net in ["13-50-1", "784-50-50-10", "784-400-400-10", "784-1200-1200-10"]:
            cases[(f"step {net}", variant)] = partial(step, f"step {net}", network)
        for net in ["784-400-400-10", "784-1200-1200-10"]:
            cases[(f"draw {net}", variant)] = partial(draw, f"draw {net}", network)
    serve({"name": "torch", "versions": versions, "threads": torch.get_num_threads()}, cases)


main()
