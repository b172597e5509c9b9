"""The PyTorch side of training-step.bench.ts: a worker that trains the same networks, one timed window at a time.

Usage: training_step.py FOLDER THREADS. FOLDER holds models.json and one <id>.bin per network: its weights in the order
of the layers, then its batches, float32, then the labels, int64. After {"ready": ...} each line of standard input asks
for a window, {"model", "layout", "seconds"}, and is answered by {"steps", "seconds", "cpuSeconds", "losses"}.

Tuned as PyTorch's own guide for CPUs says: fused optimizer, gradients dropped instead of zeroed, channels_last where
asked; the caller sets malloc and OpenMP through the environment. No torch.compile: it gains nothing on the MLP and
loses on the convolutions.
"""

import json
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

LEARNING_RATE = 1e-3
FIRST_LOSSES = 5


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense1 = nn.Linear(784, 256)
        self.dense2 = nn.Linear(256, 128)
        self.dense3 = nn.Linear(128, 10)

    def forward(self, x):
        return self.dense3(F.relu(self.dense2(F.relu(self.dense1(x)))))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dense1 = nn.Linear(1600, 128)
        self.dense2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.dense2(F.relu(self.dense1(x.flatten(1))))


class ConvBlock(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, 3, padding=1)
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class BnCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = ConvBlock(3, 32)
        self.block2 = ConvBlock(32, 64)
        self.block3 = ConvBlock(64, 64)
        self.dense = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(self.block2(self.block1(x)), 2)
        x = F.max_pool2d(x + self.block3(x), 2)
        return self.dense(F.avg_pool2d(x, 8).flatten(1))


NETWORKS = {"mlp": Mlp, "cnn": Cnn, "bn-cnn": BnCnn}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Task:
    """One network with its start and its batches."""

    def __init__(self, folder, model):
        self.model = model
        raw = numpy.fromfile(f"{folder}/{model['id']}.bin", dtype=numpy.uint8)
        offset = 0

        def take(shape, kind):
            nonlocal offset
            size = int(numpy.prod(shape)) * numpy.dtype(kind).itemsize
            array = raw[offset : offset + size].view(kind).reshape(shape).copy()
            offset += size
            return torch.from_numpy(array)

        self.weights = [take(shape, numpy.float32) for shape in model["weights"]]
        lead = [model["batches"], model["batchSize"]]
        self.xs = take(lead + model["sampleShape"], numpy.float32)
        self.ys = take(lead, numpy.int64)

    def window(self, layout, seconds):
        """Trains from the start; the first steps, whose losses are read, are not timed."""
        fmt = FORMATS[layout]
        network = NETWORKS[self.model["id"]]()
        with torch.no_grad():
            for parameter, weight in zip(network.parameters(), self.weights, strict=True):
                assert parameter.shape == weight.shape, (parameter.shape, weight.shape)
                parameter.copy_(weight)
        network = network.to(memory_format=fmt)
        is_image = len(self.model["sampleShape"]) == 3
        xs = [x.contiguous(memory_format=fmt) if is_image else x for x in self.xs]
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
        count = 0

        def step():
            nonlocal count
            batch = count % len(xs)
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(network(xs[batch]), self.ys[batch])
            loss.backward()
            optimizer.step()
            count += 1
            return loss

        losses = [step().item() for _ in range(FIRST_LOSSES)]
        first = count
        begin, cpu = time.perf_counter(), time.process_time()
        while (now := time.perf_counter()) - begin < seconds:
            step()
        return {
            "steps": count - first,
            "seconds": now - begin,
            "cpuSeconds": time.process_time() - cpu,
            "losses": losses,
        }


def main():
    folder, threads = sys.argv[1:3]
    torch.set_num_threads(int(threads))
    with open(f"{folder}/models.json", encoding="utf-8") as file:
        tasks = {model["id"]: Task(folder, model) for model in json.load(file)}
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = tasks[request["model"]].window(request["layout"], request["seconds"])
        print(json.dumps(answer), flush=True)


main()
