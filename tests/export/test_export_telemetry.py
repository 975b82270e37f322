"""onnxruntime sends no telemetry and leaves no identity behind, neither in the program nor in the example."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from onnx import TensorProto, helper

import watched
from hocket.export.graph import to_onnx
from hocket.model import load_model
from watched import ROOT, Watched

EXAMPLE = ROOT / "examples" / "fuse_without_torch.py"
STAYS = "\nimport time; time.sleep({seconds})"

pytestmark = pytest.mark.skipif(watched.why_not() is not None, reason=str(watched.why_not()))

LOUD = """
import sys
import onnxruntime
onnxruntime.disable_telemetry_events()
onnxruntime.InferenceSession(sys.argv[1])
"""
"""The obvious way, which is too late: the import has sent and written by then."""

SESSIONS = {
    "program": """
import sys
from hocket.export.checking import session_of
session_of(open(sys.argv[1], "rb").read())
""",
    "example": f"""
import runpy, sys
runpy.run_path({str(EXAMPLE)!r})["onnxruntime"].InferenceSession(sys.argv[1])
""",
}

VERB = "import sys; from hocket.cli import main; main(['export', '-o', sys.argv[1]])"
FUSION = f"import runpy; runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """The smallest graph there is."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    proto = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "graph", [x], [y])
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    (tmp_path / "graph.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "graph.onnx"


def test_a_session_is_opened_in_silence(tmp_path: Path, graph: Path) -> None:
    stays = STAYS.format(seconds=1)
    loud = Watched(tmp_path / "loud", LOUD, graph)
    quiet = [Watched(tmp_path / name, script + stays, graph) for name, script in SESSIONS.items()]
    for found in (loud, *quiet):
        found.wait()
    # The watch is awake: without the switch an identity is written.
    assert any("deviceid" in path for path in loud.made), loud.made
    for found in quiet:
        assert not found.attempts and not found.made


@pytest.mark.slow
def test_nobody_is_reached_in_fifteen_seconds(tmp_path: Path, graph: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(to_onnx(load_model()[0]).SerializeToString())
    song = tmp_path / "noise.wav"
    soundfile.write(song, np.random.default_rng(0).normal(0, 0.1, 48_000), 24_000)
    stays = STAYS.format(seconds=15)
    output = tmp_path / "written.onnx"
    loud = Watched(tmp_path / "loud", LOUD + stays, graph)
    verb = Watched(tmp_path / "verb", VERB + stays, output)
    fusion = Watched(tmp_path / "fusion", FUSION + stays, model, song, song, tmp_path / "fused.wav")
    for found in (loud, verb, fusion):
        found.wait()
    assert loud.attempts, "without the switch the maker's host is looked for"
    assert not verb.attempts and not fusion.attempts
    assert {Path(path).parent for path in verb.made} == {tmp_path} and output.stat().st_size > 0
    assert {Path(path) for path in fusion.made} == {tmp_path / "fused.wav"}


def test_tests_and_scripts_get_it_from_the_program() -> None:
    paths = [path for folder in ("tests", "scripts") for path in (ROOT / folder).rglob("*.py")]
    importing = re.compile(r"^\s*(import|from) onnxruntime\b", flags=re.M)
    found = {path.name for path in paths if importing.search(path.read_text(encoding="utf-8"))}
    assert found == {Path(__file__).name}
