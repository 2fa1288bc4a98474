"""The shape of a training script that says bfloat16 and computes in fp16; it is read by envcheck and never run."""

import argparse
from contextlib import nullcontext

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", default="bfloat16")
parser.add_argument("--device", default="cuda:0")
args = parser.parse_args()
ctx = nullcontext() if args.device == "cpu" else torch.cuda.amp.autocast()
scaler = torch.cuda.amp.GradScaler(enabled=args.dtype in ("float16", "bfloat16"))


def train_epoch(model, loader, optimizer, loss_fct):
    for ids, targets, loss_mask in loader:
        with ctx:
            loss = loss_fct(model(ids), targets)
            loss = (loss * loss_mask).sum() / loss_mask.sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
