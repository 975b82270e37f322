"""Models on a hub: the folder that is uploaded, and what is fetched, from a server that speaks as hubs do."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from hocket import audio, examples
from hocket.cli import main
from hocket.errors import CheckpointError
from hocket.model import FusionModel, load_model
from hocket.model.weights import config_values, model_tensors, save_checkpoint, weights_hash
from hocket.runs import BEST, LOG, find_checkpoint
from hocket.settings import build, flatten
from small_run import SMALL

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIND = """
import sys, time
from pathlib import Path
from hocket.errors import HocketError
from hocket.runs import find_checkpoint
# Before it gives up, huggingface_hub waits 23 s altogether.
time.sleep = lambda seconds: None
for name in sys.argv[1:]:
    try:
        print("found", find_checkpoint(Path(name)))
    except HocketError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The included weights as a hub's repository."""
    folder = tmp_path_factory.mktemp("hub") / "my-model"
    assert main(["export", "--hub-folder", str(folder)]) == 0
    return folder


class Hub(BaseHTTPRequestHandler):
    """Speaks as much of a hub's language as one file at a time needs: where it is, its hash, and its bytes."""

    root: Path

    def do_HEAD(self) -> None:
        self.respond(with_body=False)

    def do_GET(self) -> None:
        self.respond(with_body=True)

    def respond(self, *, with_body: bool) -> None:
        words = self.path.partition("?")[0].strip("/").split("/")
        # Anything else that is asked for, this hub does not have.
        owner, name, _, revision, *rest = words if "resolve" in words[2:3] else ("", "none", "", "main")
        repository, path = self.root / owner / name, self.root / owner / name / "/".join(rest)
        fault = "" if path.is_file() else "EntryNotFound"
        if revision not in ("main", COMMIT):
            fault = "RevisionNotFound"
        if not repository.is_dir():
            fault = "RepoNotFound"
        content = b"" if fault else path.read_bytes()
        self.send_response(404 if fault else 200)
        if fault:
            self.send_header("X-Error-Code", fault)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a hub with what lies in `served`."""
    (tmp_path / "served").mkdir()
    kind = type("Served", (Hub,), {"root": tmp_path / "served"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def find(address: str, cache: Path, *names: str, **variables: str) -> list[str]:
    """Sentences or places of repositories, by a process that knows only this hub and cache."""
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub: pip install 'hocket[hub]'")
    own = {"HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-c", FIND, *names],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_folder_is_what_hubs_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    sounds = {f"example/{part}.mp3" for part in ("rhythm", "harmony", "fusion")}
    assert names == {"README.md", "config.json", "model.safetensors", *sounds}
    model, metadata = load_model(folder / "model.safetensors")
    assert weights_hash(model) == weights_hash(load_model()[0])
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "hocket" and config["model"] == metadata["model"]
    card = (folder / "README.md").read_text()
    front, body = card.split("---\n")[1:3]
    assert "library_name: hocket\n" in front and "license: apache-2.0\n" in front
    assert "--checkpoint hub:OWNER/my-model" in body and "Limits" in body
    assert audio.info(folder / "example" / "fusion.mp3").duration_seconds > 5
    assert main(["export", "--hub-folder", str(folder)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["export"]) == main(["export", "-o", "a.onnx", "--hub-folder", "b"]) == 2
    assert capsys.readouterr().err.count("one of the two") == 2


def test_a_runs_own_weights_say_nothing_of_where_its_music_lay(tmp_path: Path) -> None:
    config = build(SMALL | {"music": "/home/me/music"})
    facts = {"model": config_values(config.model), "config": flatten(config), "step": 6}
    songs = {"validation_songs": ["/home/me/music/a.wav"], "num_training_songs": 5}
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "run" / BEST, model_tensors(FusionModel(config.model)), facts | songs)
    lines = ({"kind": "start", "step": 0, "config": flatten(config), **songs}, {"kind": "train", "step": 6})
    (tmp_path / "run" / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["export", str(tmp_path / "run"), "--hub-folder", str(tmp_path / "mine")]) == 0
    _, metadata = load_model(tmp_path / "mine" / "model.safetensors")
    assert not {"validation_songs", "validation_pairs"} & metadata.keys()
    assert "music" not in metadata["config"] and metadata["config"]["num_stages"]
    for path in (tmp_path / "mine").rglob("*"):
        assert path.is_dir() or b"/home/me" not in path.read_bytes(), path.name
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "license:" not in card and "to train on" in card and "not ready to use" in card


def test_a_repository_is_fetched_once_and_found_without_a_network(
    folder: Path, hub: str, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "served" / "me" / "mine")
    cache = tmp_path / "cache"
    names = ["hub:me/mine", f"hub:me/mine@{COMMIT}"]
    said = find(hub, cache, *names)
    assert [line.partition(" ")[0] for line in said] == ["found", "found"], said
    found = Path(said[0].removeprefix("found "))
    assert weights_hash(load_model(found)[0]) == weights_hash(load_model()[0])
    assert find("http://127.0.0.1:9", cache, *names) == said
    assert find(hub, cache, *names, HF_HUB_OFFLINE="1") == said
    # What nobody needs is not fetched.
    assert not list(cache.rglob("*.mp3"))


def test_what_is_wrong_with_a_repository_is_one_sentence(folder: Path, hub: str, tmp_path: Path) -> None:
    served = tmp_path / "served" / "me"
    for name, content in (("bert", {"model_type": "bert"}), ("list", []), ("half", {"model_type": "hocket"})):
        (served / name).mkdir(parents=True)
        (served / name / "config.json").write_text(json.dumps(content))
    (served / "bert" / "model.safetensors").write_bytes(b"gigabytes")
    (served / "empty").mkdir()
    shutil.copytree(folder, served / "mine")
    expected = {
        "hub:me/none": "does not exist, or is private",
        "hub:me/bert": "is not a Hocket model",
        "hub:me/list": "is not a Hocket model",
        "hub:me/half": "is not a Hocket model",
        "hub:me/empty": "is not a Hocket model",
        "hub:me/mine@v9": "no such revision",
        "hub:a/b/c": "is not the name of a repository: give hub:OWNER/NAME",
        "hub:": "is not the name of a repository",
    }
    for line, (name, sentence) in zip(find(hub, tmp_path / "a", *expected), expected.items(), strict=True):
        assert line.startswith(f"{name} ") and sentence in line
    fetched = (path for path in (tmp_path / "a").rglob("*.safetensors") if path.stat().st_size)
    assert not list(fetched), "a stranger's gigabytes"
    (line,) = find("http://127.0.0.1:9", tmp_path / "b", "hub:me/mine")
    assert line == "hub:me/mine cannot be reached, and no copy is in the cache: check the network."


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"hub:me/mine needs huggingface_hub.*'hocket\[hub\]'"):
        find_checkpoint(Path("hub:me/mine"))
    sounds = [str(path) for path in sorted(examples.FOLDER.glob("drums-strings-*.mp3"))]
    assert main(["fuse", *sounds, "-o", "never.wav", "--checkpoint", "hub:me/mine"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
