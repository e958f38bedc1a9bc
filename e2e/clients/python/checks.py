"""What the Python program is built on: targets in from standard input, a line out a check.

The JSON in both directions is that of ../node/checks.ts.
"""

import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from typing import Callable, Optional

CHECK_SECONDS_MAX = 60


@dataclass(frozen=True)
class Target:
    name: str
    host: str
    port: int
    protocol: Optional[int]
    user: Optional[str]
    password: Optional[str]
    mode: str
    keys: str

    def key(self, name: str) -> str:
        """A key of its own slot, or in cluster mode of the target's one slot."""
        return self.same_slot(name) if self.mode == "cluster" else self.keys + name

    def same_slot(self, name: str) -> str:
        """A key in the target's one slot, for commands that need their keys together."""
        return f"{{{self.keys}}}{name}"


def run_checks(checks: dict[str, Callable[[Target], None]]) -> None:
    """Runs every check asked for on every target, and ends the process whatever is left open."""
    job = json.load(sys.stdin)
    signal.signal(signal.SIGALRM, _late)
    for fields in job["targets"]:
        target = Target(**fields)
        for check in job["checks"]:
            detail = _outcome(checks.get(check), target)
            line = {"target": target.name, "check": check, "ok": detail == "", "detail": detail}
            print(json.dumps(line), flush=True)
    os._exit(0)


def _outcome(check: Optional[Callable[[Target], None]], target: Target) -> str:
    if check is None:
        return "this program has no such check"
    signal.alarm(CHECK_SECONDS_MAX)
    try:
        check(target)
        return ""
    except Exception:
        return traceback.format_exc()[-2000:]
    finally:
        signal.alarm(0)


def _late(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"not done after {CHECK_SECONDS_MAX} s")
