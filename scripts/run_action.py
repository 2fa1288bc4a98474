"""Runs the steps of action.yml as GitHub's runner would: expressions filled in, conditions decided, variables and files of a job around them.

    python scripts/run_action.py --into FOLDER [--skip STEP] [NAME=VALUE ...]

NAME=VALUE are the action's inputs; the working directory is the checkout that is looked at. `run:` steps are run in bash, of `uses:` steps it is said
with what they would be called. The exit status is that of the last step that failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping

import yaml

ROOT = Path(__file__).resolve().parent.parent
_EXPRESSION = re.compile(r"\$\{\{\s*([^}]+?)\s*\}\}")
_COMPARED = re.compile(r"([\w.-]+)\s*(==|!=|<)\s*('[^']*'|\d+)")


class Job:
    """What the steps of one call of the action see."""

    def __init__(self, folder: Path, inputs: Mapping[str, str]) -> None:
        self.action: Dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        unknown = set(inputs) - set(self.action["inputs"])
        if unknown:
            raise SystemExit(f"the action has no input {', '.join(sorted(unknown))}")
        self.folder = folder
        (folder / "temp").mkdir(parents=True, exist_ok=True)
        self.known = {f"inputs.{name}": inputs.get(name, str(row.get("default", ""))) for name, row in self.action["inputs"].items()}
        self.known.update({"runner.os": "Linux", "github.action_ref": "", "github.action_path": str(ROOT)})

    def filled(self, value: Any) -> str:
        """A text with its expressions; a name that no runner would know is an error."""
        return _EXPRESSION.sub(lambda found: self.known[found[1]], str(value))

    def holds(self, condition: str) -> bool:
        """An `if:` of comparisons that all must hold, which is what the action has."""
        parts = [_COMPARED.fullmatch(part.strip()) for part in condition.split("&&")]
        return all(self._compared(part) for part in parts)

    def _compared(self, part: Any) -> bool:
        left, right = self.known[part[1]], part[3].strip("'")
        return {"==": left == right, "!=": left != right}[part[2]] if part[2] != "<" else float(left or 0) < float(right)

    def run(self, step: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """One `run:` step in the shell that GitHub starts; what it writes to GITHUB_OUTPUT is known to later steps."""
        if step.get("shell") != "bash":
            raise SystemExit(f"step {step['name']}: the shell must be named in a composite action")
        files = {name: self.folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")}
        files["GITHUB_OUTPUT"].write_text("")
        places = {"RUNNER_TEMP": self.folder / "temp", "RUNNER_OS": "Linux", "GITHUB_ACTIONS": "true", "CI": "true", **files}
        env = {
            **os.environ,
            **{name: str(value) for name, value in places.items()},
            **{name: self.filled(value) for name, value in step.get("env", {}).items()},
        }
        if "${{" in step["run"]:
            raise SystemExit(f"step {step['name']}: an expression in a script is text that an input can write")
        script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(script, env=env, capture_output=True, text=True, check=False)
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.known[f"steps.{step.get('id', '')}.outputs.{name}"] = value
        return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", required=True, type=Path, help="a folder for what a runner keeps outside the checkout")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave this step out")
    parser.add_argument("inputs", nargs="*", metavar="NAME=VALUE")
    chosen = parser.parse_args()
    job = Job(chosen.into.resolve(), dict(one.split("=", 1) for one in chosen.inputs))
    steps: List[Dict[str, Any]] = job.action["runs"]["steps"]
    for step in steps:
        if step["name"] in chosen.skip or ("if" in step and not job.holds(step["if"])):
            print(f"-- {step['name']}: left out")
        elif "uses" in step:
            given = ", ".join(f"{name}={job.filled(value)}" for name, value in step.get("with", {}).items())
            print(f"-- {step['name']}: {step['uses']} with {given}")
        else:
            done = job.run(step)
            print(f"-- {step['name']}: exit status {done.returncode}\n{done.stdout}", end="")
            sys.stderr.write(done.stderr)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
