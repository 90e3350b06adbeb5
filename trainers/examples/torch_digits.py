"""PyTorch in four functions; nothing of meshnode is imported.

    python -m meshnode_trainer torch --app examples/torch_digits.py

Rows: NPZ with x [rows, 64] from 0 to 1 and y [rows]; the last fifth is held out.
"""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def model_fn():
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def load_data(path):
    with np.load(path) as archive:
        x, y = torch.tensor(archive["x"]), torch.tensor(archive["y"])
    cut = len(x) * 4 // 5
    return TensorDataset(x[:cut], y[:cut]), TensorDataset(x[cut:], y[cut:])


def train(model, rows, config):
    model.train()
    optimiser = torch.optim.SGD((one for one in model.parameters() if one.requires_grad), lr=config["lr"])
    for epoch in range(config["epochs"]):
        for x, y in DataLoader(rows, batch_size=32, shuffle=True):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(x.to(config["device"])), y.to(config["device"]))
            loss.backward()
            optimiser.step()
        config["progress"](step=epoch + 1, of=config["epochs"], loss=loss.item())
    return loss.item()


def test(model, rows):
    model.eval()
    x, y = rows.tensors
    device = next(model.parameters()).device
    with torch.no_grad():
        scores = model(x.to(device)).cpu()
    return nn.functional.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()
