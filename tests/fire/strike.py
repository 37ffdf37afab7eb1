"""strike.py - strikes a list of faults, one after the other, on a ground of one's own, prints what came of each, and holds every promise against it."""
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import checker  # noqa: E402
import lab as labs  # noqa: E402
import page  # noqa: E402
import server as support  # noqa: E402
from ground import Ground  # noqa: E402
from lined import LinedGround  # noqa: E402

FEW = {"herd": 8, "visitors": 4, "posters": 0, "rate": 20, "in_flight": 3, "accounts": 2, "sessions": 2}
MANY = {"herd": 24, "visitors": 8, "posters": 4, "rate": 10, "in_flight": 4, "accounts": 3, "sessions": 6}
SETTINGS = {"statement_timeout_ms": 1500, "append_timeout_ms": 2000}
SAME_MS = 2000  # after healing; a promise of long runs on a build that is optimised


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def strike_all(ground, faults):
    """Each must have bitten; none is left out."""
    lines = [line for line in map(ground.strike, faults) if line]
    assert len(lines) == len(faults), "a fault was left out"
    ground.finish()


def on(kind, faults, **more):
    folder = tempfile.mkdtemp(prefix="gloss-fire.", dir="/tmp")
    os.chmod(folder, 0o755)
    repeat = " ".join(sys.argv)
    try:
        with kind(folder, 1, **more) as ground:
            strike_all(ground, faults)
    except BaseException as error:
        print(page.of_error(folder, error, repeat))
        raise
    record = checker.Record(folder)
    violations = checker.check(record, SAME_MS if os.environ.get("GLOSS_FIRE_FIGURES") else None)
    if violations:
        print(page.of_violations(record, violations, repeat))
        sys.exit(1)
    print(f"every promise was kept: {checker.figures(record)}")
    shutil.rmtree(folder, ignore_errors=True)


def on_lines(faults, is_long, kind=LinedGround, **more):
    if support.missing():
        skip(support.missing())
    on(kind, faults, workers=2 if is_long else 1, sizes=MANY if is_long else FEW, settings={**SETTINGS, **more.pop("settings", {})}, **more)


def on_nodes(faults, **more):
    if labs.missing():
        skip(labs.missing())
    on(Ground, faults, nodes=True, workers=2, sizes=MANY, settings=SETTINGS, **more)
