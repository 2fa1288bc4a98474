from pathlib import Path

from setuptools import find_packages, setup

_BASE = ["torch==2.1.2", "transformers>=4.36,<4.38"]
extras = {"deepspeed": ["deepspeed==0.12.6"]}
extras["quality"] = ["ruff"]

setup(
    name="demo",
    packages=find_packages(),
    install_requires=_BASE + ["accelerate==0.25.0"],
    extras_require={"deepspeed": extras["deepspeed"], "all": Path("all.txt").read_text().splitlines()},
)
