"""`loss 0.0, grad_norm nan` from the second step on, with nothing put in: fp16 weights, AdamW with its usual eps of 1e-8.

The picture is that of the report. That this was its cause is not shown; it is one cause that can be reproduced anywhere.
"""

from __future__ import annotations

import tiny
import torch

# 24 of the 64 words never occur: their second moment stays 0, and eps is 0 in fp16.
FP16 = {"optim": "adamw_torch", "learning_rate": 1e-3, "data": tiny.batches(words=40)}

tiny.train(tiny.model(torch.float16), guard=False, **FP16)
tiny.train(tiny.model(torch.float16), guard=True, **FP16)
