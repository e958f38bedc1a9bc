"""What the programs are built on: a job in from standard input, a line out a check."""

import json
import sys
import traceback
from collections.abc import Callable


def run_checks(checks: dict[str, Callable[[dict], None]]) -> None:
    """The job names the checks; each must return, or what it raised is told."""
    job = json.load(sys.stdin)
    for name in job["checks"]:
        detail = ""
        try:
            checks[name](job)
        except Exception:
            detail = traceback.format_exc()[-2_000:]
        print(json.dumps({"check": name, "ok": detail == "", "detail": detail}), flush=True)


def same(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"
