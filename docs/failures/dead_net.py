"""A learning rate far too high, and no NaN: the loss stays at ln(64) = 4.159 for ever and the gradient is exactly 0."""

from __future__ import annotations

import tiny

TOO_HIGH = {"learning_rate": 1e4, "lr_scheduler_type": "constant"}

tiny.train(tiny.model(attention="eager"), guard=False, **TOO_HIGH)
tiny.train(tiny.model(attention="eager"), guard=True, **TOO_HIGH)
