"""Cross-entropy as trainers use it: logits of the precision, raised to fp32, some targets ignored."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from .arithmetic import U32, UA, Result, bounded, exp_error, gamma, holds
from .bench import Bench

TOKENS, VOCABULARY, IGNORED = 96, 1000, -100


def cross_entropy(bench: Bench) -> Iterator[Result]:
    """Loss of each token, their mean over the targets that count, and the gradient.

    Token: `e = sum p ex + gamma_V(UA) + 8 U32 + 4 U32 (|lse| + max|x|)`, where a relative error of the sum of exponentials
    is an absolute one of its logarithm (Blanchard, Higham, Higham 2021, section 4). Mean: `mean e + gamma_N(UA) mean|loss| +
    2 U32 |mean|`. Gradient `(p - 1_target) / N` with `p` off by `p (e + ex(log p))`, rounded to the precision once.
    """
    logits = bench.normal(TOKENS, VOCABULARY, scale=3.0)
    logits[0] += 300
    x = bench.pair(logits, grad=True)
    target = torch.randint(0, VOCABULARY, (TOKENS,), generator=bench.generator)
    target[::7] = IGNORED
    valid = target != IGNORED
    count = int(valid.sum())
    safe = target.clamp(min=0).unsqueeze(1)

    lse = x.ref.logsumexp(-1, keepdim=True)
    log_p = x.ref - lse
    p = log_p.exp()
    shift = exp_error(x.ref - x.ref.amax(-1, keepdim=True))
    e = (p * shift).sum(-1, keepdim=True) + gamma(VOCABULARY, UA) + 8 * U32
    e = e + 4 * U32 * (lse.abs() + x.ref.abs().amax(-1, keepdim=True))
    each = torch.where(valid, -log_p.gather(1, safe).squeeze(1), torch.zeros_like(lse).squeeze(1))
    e_each = torch.where(valid, e.squeeze(1), torch.zeros_like(e).squeeze(1))

    on_device = target.to(bench.device)
    yield bounded("", F.cross_entropy(x.low.detach().float(), on_device, ignore_index=IGNORED, reduction="none"), each, e_each)

    loss = F.cross_entropy(x.low.float(), on_device, ignore_index=IGNORED)
    loss.backward()
    mean = each.sum() / count
    e_mean = e_each.sum() / count + gamma(TOKENS, UA) * mean + 2 * U32 * mean
    yield bounded("mean", loss.reshape(1), mean.reshape(1), e_mean.reshape(1))

    hit = torch.zeros_like(p).scatter_(1, safe, 1.0)
    kept = valid.unsqueeze(1).double() / count
    want = (p - hit) * kept
    bound = (p * (e + exp_error(log_p)) + 4 * U32 * (p + hit)) * kept
    yield bounded("dx", x.low.grad, want, bound + bench.u * (want.abs() + bound) + bench.eta)

    nothing = F.cross_entropy(x.low.detach().float(), torch.full_like(on_device, IGNORED), ignore_index=IGNORED)
    # 0/0, as documented: a 0 here is a batch without targets that looks like a perfect one.
    yield holds("ignored", bool(torch.isnan(nothing)), f"the mean over no target is {float(nothing):g} and not NaN")
