"""Imports modules one after the other in the inspected interpreter and reports how each went: a script for CPython 3.8 and newer."""

import importlib
import os
import sys
import time


def main(report, arguments):
    # type: (Any, Any) -> None
    """One row before each module and one after it; the first tells whose fault it is that there is no second."""
    for name in arguments:
        report({"begin": name})
        begun = time.time()
        try:
            importlib.import_module(name)
            row = {}
        except BaseException as error:  # a module may end with SystemExit, or with anything else
            row = _said(error)
        report(dict(row, end=name, seconds=round(time.time() - begun, 2)))
    sys.stdout.flush()
    # Threads of a library, or what it does when it is torn down, are not under test.
    os._exit(0)


def _said(error):
    # type: (BaseException) -> Any
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and os.path.basename(os.path.dirname(file)) != "importlib" and file != __file__:
            place = "%s:%d" % ("/".join(file.replace(os.sep, "/").split("/")[-3:]), trace.tb_lineno)
        trace = trace.tb_next
    return {"error": type(error).__name__, "message": str(error)[:2000], "place": place, "missing": getattr(error, "name", None) or ""}
