"""Running notebooks: parameters go in, repeatable pages come out, and failures leave the last good page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from replication.reporting.notebook import run_notebook, run_stage
from replication.reporting.parameters import NotebookError, parameter_defaults, select_parameters

EVERYTHING = """
import os, socket, sys, tempfile, time
print("rate", rate, "names", sorted(names), "order", list({"pear", "apple", "fig"}), end="", flush=True)
time.sleep(0.1)
print("; on node-17 not on node-170")
print(os.getcwd(), sys.prefix, os.path.expanduser("~/somewhere"))
print("pro" + "gress 10 %\\rpro" + "gress 100 %", file=sys.stderr)
print(sys.executable, open(os.path.join("..", "notebooks", "demo.ipynb")).read()[:1], file=sys.stderr)
class Thing: pass
Thing()
"""
FIGURE = """
import io
from matplotlib import pyplot as plt
from IPython.display import SVG, display
import pandas as pd
from replication.reporting.figures import use_house_style
use_house_style()
plt.plot([1, 2, 4]); file = io.StringIO(); plt.savefig(file, format="svg"); plt.close()
display(SVG(file.getvalue()))
display(pd.DataFrame({"a": [1.0]}).style.format("{:.2f}"))
plt.plot([1, 2])
"""


def run(path: Path, parameters: dict, output: Path) -> str:
    run_notebook(path, parameters, output, profile="sample", record={"Data": "a <set>"})
    return output.read_text(encoding="utf-8")


def test_two_runs_give_the_same_page_and_progress_stays_out_of_it(clone, notebook, capfd, monkeypatch):
    path = notebook("rate = 1.5\nnames = ['a']", "# A title", EVERYTHING, "# Figures", FIGURE)
    source = path.read_bytes()
    monkeypatch.setattr("socket.gethostname", lambda: "node-17")
    page = run(path, {"names": ["x", "b"]}, clone / "out" / "first.html")
    progress = capfd.readouterr().err
    again = run(path, {"names": ["x", "b"]}, clone / "out" / "again.html")

    assert page == again
    assert (clone / "out" / "first.ipynb").read_bytes() == (clone / "out" / "again.ipynb").read_bytes()
    assert path.read_bytes() == source
    assert "rate 1.5 names [&#39;b&#39;, &#39;x&#39;]" in page
    assert "progress 100 %" in progress
    assert f"{sys.executable} {{" in progress  # the running interpreter, in the notebook's folder
    executed = (clone / "out" / "first.ipynb").read_text()
    for text in (page, executed):
        assert "on host not on node-170" in text
        assert ". $PREFIX ~/somewhere" in text
        assert str(clone) not in text
        assert "__main__.Thing" in text
        assert " at 0x" not in text
        assert "progress" not in text
    assert "papermill" not in executed
    assert "<title>A title</title>" in page
    assert "a &lt;set&gt;" in page
    assert page.count("<img") == 2
    assert page.count('<a class="svg" download="figures.svg"') == 1
    assert '"svg"' not in executed


def test_executed_copy_is_a_valid_notebook_with_stable_cells(clone, notebook):
    run(notebook("rate = 1", "print(rate)"), {"rate": 2}, clone / "out.html")
    executed = nbformat.read(clone / "out.ipynb", as_version=4)
    nbformat.validate(executed)
    assert [cell.id for cell in executed.cells] == ["cell-000", "cell-001", "cell-002"]
    assert [cell.metadata.get("tags", []) for cell in executed.cells] == [["parameters"], ["injected-parameters"], []]
    assert executed.cells[2].outputs[0].text == "2\n"
    assert executed.metadata.language_info == {"name": "python"}


def test_failing_cell_is_named_and_leaves_the_last_good_page(clone, notebook, capfd):
    path = notebook("root = 4", "import math", "# why\n", "value = -root\n\nmath.sqrt(value)", name="roots")
    output = clone / "roots.html"
    good = run(path, {"root": -4}, output)
    copy = (clone / "roots.ipynb").read_bytes()
    with pytest.raises(
        NotebookError, match=r"^roots\.ipynb: the cell that begins 'value = -root' failed: ValueError: "
    ):
        run(path, {}, output)
    assert "----> 3 math.sqrt(value)" in capfd.readouterr().err
    assert output.read_text() == good
    assert (clone / "roots.ipynb").read_bytes() == copy
    assert sorted(path.name for path in clone.iterdir() if path.is_file()) == [
        "dvc.yaml",
        "params.yaml",
        "roots.html",
        "roots.ipynb",
    ]


CLEANING_UP = """
import weakref
class Thing: pass
def fail(error):
    def callback(_): raise error
    thing = Thing()
    reference = weakref.ref(thing, callback)
    del thing
fail(KeyboardInterrupt()); fail(OSError("seen"))
"""


def test_an_interrupt_while_python_cleans_up_prints_no_traceback_and_other_errors_do(clone, notebook, capfd):
    run(notebook("a = 1", CLEANING_UP), {}, clone / "page.html")
    said = capfd.readouterr().err
    assert "OSError: seen" in said
    assert "KeyboardInterrupt" not in said


def test_killed_kernel_is_an_error_that_names_the_cell(clone, notebook):
    path = notebook("a = 1", "b = 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "c = 1")
    with pytest.raises(
        NotebookError, match="kernel died in the cell that begins 'import os, signal'; most often memory"
    ):
        run(path, {}, clone / "out.html")
    assert not (clone / "out.html").exists()


def test_interrupted_run_ends_its_kernel_and_leaves_no_page(clone, notebook):
    path = notebook(
        "a = 1", f"import os, time\nopen({str(clone / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    )
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from replication.reporting.notebook import run_stage\n"
        f"run_stage(Path({str(path)!r}), {{}}, 'slow')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], cwd=clone, env=environment, stderr=subprocess.PIPE)
    try:
        _wait_for(lambda: (clone / "pid").is_file() and (clone / "pid").read_text())
        kernel = int((clone / "pid").read_text())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0
    _wait_for(lambda: not _alive(kernel))
    assert not (clone / "reports").exists()


def test_stage_writes_to_the_reports_of_the_active_profile(clone, notebook):
    path = notebook("profile = 'unknown'\nrate = 1", "print('profile:', profile, rate)")
    page = run_stage(path, {"rate": 3}, "demo")
    assert page == clone / "reports" / "sample" / "demo.html"
    text = page.read_text()
    assert "profile: sample 3\n" in text
    assert "These numbers replicate nothing" in text
    assert "<dd>photographs that come with scikit-image" in text
    with pytest.raises(NotebookError, match=r"stage name '\.\./demo'"):
        run_stage(path, {}, "../demo")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"speed": 1}, r"demo\.ipynb has no parameter 'speed'; it has rate, names, on, group, free"),
        ({"rate": "fast"}, "parameter 'rate' of demo.ipynb must be a number, got 'fast'"),
        ({"rate": "1e-4"}, "must be a number, got '1e-4' .YAML reads 1e-4 as text; write 1.0e-4"),
        ({"rate": True}, "must be a number, got True"),
        ({"names": "a"}, "must be a list, got 'a'"),
        ({"on": 1}, "must be true or false, got 1"),
        ({"group": [1]}, r"must be a mapping, got \[1\]"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(clone, notebook, parameters, message):
    path = notebook("'''Knobs.'''\nrate: float = 1\nnames = ['a']\non = False\ngroup = {}\nfree = None")
    with pytest.raises(NotebookError, match=message):
        run(path, parameters, clone / "out.html")
    assert not (clone / "out.html").exists()


def test_defaults_are_read_from_the_parameters_cell(notebook):
    path = notebook("'''Knobs.'''\nrate: float = -1e-3  # a comment\nnames = ['a', ('b', 2)]\nfree = None")
    assert parameter_defaults(path) == {"rate": -0.001, "names": ["a", ("b", 2)], "free": None}


@pytest.mark.parametrize(
    "source", ["a = 1 + b", "import os", "a, b = 1, 2", "a = 1\nprint(a)", "%matplotlib inline", "a: int"]
)
def test_parameters_cell_holds_literals_only(notebook, source):
    with pytest.raises(NotebookError, match=r"demo\.ipynb: the cell tagged 'parameters' must hold literals only"):
        parameter_defaults(notebook(source))


def test_notebooks_that_are_none_are_named(clone, notebook):
    with pytest.raises(NotebookError, match=r"no notebook .*absent"):
        parameter_defaults(clone / "absent.ipynb")
    broken = clone / "broken.ipynb"
    broken.write_text("{")
    with pytest.raises(NotebookError, match=r"broken\.ipynb is not a readable notebook"):
        parameter_defaults(broken)
    plain = json.loads(notebook("a = 1").read_text())
    plain["cells"][0]["metadata"] = {}
    broken.write_text(json.dumps(plain))
    with pytest.raises(NotebookError, match=r"broken\.ipynb must have one cell tagged 'parameters', found 0"):
        parameter_defaults(broken)


def test_parameters_come_from_groups_and_overrides_and_later_ones_win():
    settings = {"demo": {"rate": 0.5, "names": ["a"], "mse": {"rate": 0.25}}, "compute": {"threads": 2}}
    assert select_parameters(settings, ["compute", "demo.mse"]) == {"threads": 2, "rate": 0.25}
    assert select_parameters(settings, ["demo.names"]) == {"names": ["a"]}
    assert select_parameters(settings, ["step=demo.rate", "of=demo.mse"]) == {"step": 0.5, "of": {"rate": 0.25}}
    chosen = select_parameters(settings, ["demo.mse"], ["rate=1.0e-3", "names=[x, 2]", "loss=a=b"])
    assert chosen == {"rate": 0.001, "names": ["x", 2], "loss": "a=b"}


@pytest.mark.parametrize(
    ("groups", "overrides", "message"),
    [
        (["demo.mae"], [], "params.yaml has no 'demo.mae': 'mae' is not among rate, mse"),
        (["demo.rate.low"], [], "'low' is not among nothing below it"),
        ([], ["rate"], "written name=value, got 'rate'"),
        ([], ["a b=1"], "written name=value"),
        ([], ["rate=[1"], r"'rate=\[1': the value is not a YAML literal"),
    ],
)
def test_unknown_groups_and_bad_overrides_are_named(groups, overrides, message):
    with pytest.raises(NotebookError, match=message):
        select_parameters({"demo": {"rate": 0.5, "mse": {"rate": 1}}}, groups, overrides)


def _wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
