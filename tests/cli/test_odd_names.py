"""Every name that a file system takes is a name, and none leads out of the output's folder."""

import json
import os
import shutil
import sys

import pytest

from forked import hocket


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes names in UTF-8 only")
def test_fuse_takes_names_that_are_hardly_names(tmp_path, corpus) -> None:
    names = (b"caf\xe9 [x] {0} %s.flac", "-a\nb \u202e $(touch gone).flac".encode())
    sources = [tmp_path / os.fsdecode(name) for name in names]
    for song, name in zip(sorted((corpus / "music").iterdir()), sources, strict=False):
        shutil.copy(song, name)
    output = tmp_path / os.fsdecode(b"out\xe9 ..;.wav")
    done = hocket("fuse", *sources, "-o", output)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 4  # the sources, the output and its JSON
    sidecar = json.loads(output.with_name(f"{output.name}.hocket.json").read_text())
    assert sidecar["input"]["path"] == str(sources[0])


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes names in UTF-8 only")
def test_train_says_which_name_it_cannot_write_down(tmp_path) -> None:
    music = tmp_path / os.fsdecode(b"m\xe9")
    music.mkdir()
    done = hocket("train", music, "--run", tmp_path / "run")
    assert done.returncode == 2 and "not UTF-8" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
