"""What every Python peer is: a process that prepares cases when first asked and times one sample of them when told to.

One JSON object a line. In: {"op": "hello"}, {"op": "run", "case": …, "variant": …, "seconds": …}. Out: what hello says of the
peer, and {"ms": time of one unit of work, "cpu": CPU seconds used}. Nothing is computed between two requests.
"""

import json
import os
import resource
import sys
import time


def sizes_of(case):
    """Layer sizes out of a case's name, such as 'step 784-50-50-10'."""
    return [int(size) for size in case.split()[1].split("-")]


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(run, units):
    start = time.perf_counter()
    run(units)
    return time.perf_counter() - start


def calibrated(run, seconds):
    """How many units take about so long, found by running them."""
    run(1)
    units = 1
    while (took := timed(run, units)) < seconds / 4:
        units *= 2
    return max(1, round(units * seconds / took))


def serve(hello, cases):
    """cases: {(case, variant): prepare}; prepare() returns run(units), which returns when so many units are done.

    Where a unit is a call of many steps, run.steps says of how many.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print must not get between the lines.
    ready = {}

    def answer(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "hello":
            names = [{"case": case, "variant": variant} for case, variant in cases]
            answer({**hello, "cases": names})
            continue
        key = (request["case"], request["variant"])
        used = cpu_seconds()
        try:
            if key not in ready:
                run = cases[key]()
                ready[key] = (run, calibrated(run, request["seconds"]))
            run, units = ready[key]
            run(1)
            ms = timed(run, units) * 1e3 / units / getattr(run, "steps", 1)
            answer({"ms": ms, "cpu": cpu_seconds() - used})
        except Exception as error:  # The others go on without this one.
            answer({"error": f"{type(error).__name__}: {error}"})
