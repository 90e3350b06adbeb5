"""A model with every role, and functions that show what reaches them. WHAT chooses a fault."""

import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WHAT = os.environ.get("WHAT", "")
print("the app prints while it is imported")


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 16)
        self.norm = nn.BatchNorm1d(16)
        self.head = nn.Linear(16, 10)
        # Twelve of one shape: a sort of their names would mix them up.
        self.layers = nn.ModuleList([nn.Linear(2, 2, bias=False) for _ in range(12)])
        self.again = self.head
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.narrow = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
        self.first.bias.requires_grad_(False)
        if WHAT == "complex":
            self.bad = nn.Parameter(torch.ones(2, dtype=torch.complex64))

    def forward(self, x):
        return self.again(torch.relu(self.norm(self.first(x)))) * self.scale


def model_fn(settings):
    assert "lr" in settings
    return "no model" if WHAT == "no-model" else Model()


def load_data(path):
    with np.load(path) as archive:
        x, y = torch.tensor(archive["x"]), torch.tensor(archive["y"])
    if WHAT == "arrays":
        return x, y
    if WHAT == "empty":
        return []
    return TensorDataset(x, y)


def train(model, rows, config):
    assert {"round", "rounds", "seed", "device", "progress", "state", "split", "deadline_s", "lr"} <= set(config)
    if WHAT == "delta":
        before = [value.clone() for value in model.state_dict().values()]
    model.train()
    used = [one for one in model.parameters() if one.requires_grad and one.dtype == torch.float32]
    optimiser = torch.optim.SGD(used, lr=config["lr"], momentum=0.9)
    # The momentum is kept by the node, from round to round.
    for place, one in enumerate(used):
        if f"momentum.{place}" in config["state"]:
            optimiser.state[one]["momentum_buffer"] = config["state"][f"momentum.{place}"].clone()
    loss = torch.zeros(())
    for _ in range(config.get("epochs", 1)):
        for x, y in DataLoader(rows, 32, shuffle=True):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(nn.functional.dropout(x, 0.1)), y)
            loss.backward()
            optimiser.step()
    for place, one in enumerate(used):
        buffer = optimiser.state[one].get("momentum_buffer")
        if buffer is not None:
            config["state"][f"momentum.{place}"] = buffer
    with torch.no_grad():
        for place, layer in enumerate(model.layers):
            layer.weight += place
    if WHAT == "delta":
        with torch.no_grad():
            for value, old in zip(model.state_dict().values(), before, strict=True):
                value.copy_(value - old)
    return model if WHAT == "returns-model" else {"loss": loss.item(), "round": config["round"]}


def test(model, rows):
    if WHAT == "test-nothing":
        return None
    model.eval()
    with torch.no_grad():
        scores = model(rows.tensors[0])
    right = (scores.argmax(1) == rows.tensors[1]).float().mean()
    return {"loss": nn.functional.cross_entropy(scores, rows.tensors[1]), "score": right}


if WHAT == "lacks":
    del train, test
