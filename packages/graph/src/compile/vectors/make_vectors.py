"""Writes pytorch.json: what PyTorch makes of the networks in pytorch-vectors.test.ts. See README.md beside it."""
import json
import sys

import torch
import torch.nn as nn

STEPS = 3
BATCH = 4


def fill(shape, seed):
    """Numbers between -0.5 and 0.5 from a formula that the test repeats, so that no input needs to be stored."""
    count = torch.Size(shape).numel()
    values = [((i * 7919 + seed * 104729) % 1009) / 1009 - 0.5 for i in range(count)]
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding="same")
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.deep = nn.Conv2d(8, 4, 2)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.last(self.deep(torch.tanh(self.wide(x))).flatten(1))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 5)
        self.norm = nn.LayerNorm(5)
        self.more = nn.Linear(5, 5, bias=False)
        self.last = nn.Linear(5, 3)

    def forward(self, x):
        x = nn.functional.gelu(self.norm(self.first(x)))
        return self.last(x + torch.sigmoid(self.more(x)))


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(torch.softmax(self.first(x), -1))


def run(model, sample, optimizer, regress_shape=None):
    for seed, parameter in enumerate(model.parameters()):
        parameter.data = fill(parameter.shape, seed + 1)
    optimizer = optimizer(model.parameters())
    losses = []
    for step in range(STEPS):
        x = fill([BATCH, *sample], 100 + step)
        predictions = model(x)
        if regress_shape is None:
            loss = nn.functional.cross_entropy(predictions, torch.arange(BATCH) % 3)
        else:
            loss = nn.functional.mse_loss(predictions, fill([BATCH, *regress_shape], 200 + step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    tensors = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    predictions = model(fill([BATCH, *sample], 300))
    return {
        "losses": losses,
        "state": {name: [round(v, 7) for v in value.flatten().tolist()] for name, value in tensors.items()},
        "predictions": [round(v, 7) for v in predictions.flatten().tolist()],
    }


torch.set_num_threads(1)
vectors = {
    "torch": torch.__version__,
    "cnn": run(Cnn(), [2, 8, 8], lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01)),
    "mlp": run(Mlp(), [6], lambda p: torch.optim.Adam(p, lr=0.01)),
    "sequence": run(Sequence(), [3, 3], lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1), [3, 2]),
}
json.dump(vectors, sys.stdout)
