"""Nothing outside `codec/` knows a class of codec: the contract and the way to open one are all that is imported."""

import ast
from pathlib import Path

import torch

import hocket
from hocket.codec import CODECS, Codec, SpectralCodec

ROOT = Path(hocket.__file__).parent
KNOWN = {"Codec", "Spectrum", "open_codec"}


def imported_from_codecs(tree: ast.AST) -> set[str]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        alias.name
        for node in found
        if node.module and (node.module == "hocket.codec" or node.module.startswith("hocket.codec."))
        for alias in node.names
    }


def test_nobody_outside_imports_a_class_of_codec() -> None:
    paths = [path for path in ROOT.rglob("*.py") if path.parent.name != "codec"]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert imported_from_codecs(ast.parse(text)) <= KNOWN, path
        assert "import hocket.codec" not in text and "isinstance(codec" not in text, path
    assert sum("hocket.codec" in path.read_text(encoding="utf-8") for path in paths) > 5


def test_a_class_of_codec_would_be_noticed() -> None:
    for line in (
        "from hocket.codec.spectral import SpectralCodec",
        "from hocket.codec import Codec, LatentCodec",
    ):
        assert not imported_from_codecs(ast.parse(line)) <= KNOWN


def test_the_registry_holds_codecs_and_the_spectral_one_has_no_rate_of_its_own() -> None:
    assert list(CODECS) == ["spectral", "encodec", "dac"]
    assert all(issubclass(kind, Codec) for kind in CODECS.values())
    codec = SpectralCodec()
    assert codec.is_linear and codec.fixed_rate is None and codec.fingerprint == ""
    assert codec.num_frames(48_000) == codec.encode(torch.zeros(1, 48_000)).shape[-1]
