"""A real Chromium, a real studio in a process of its own, and recordings to give it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from forked import hocket
from hocket import audio
from hocket.audio import Audio

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1280, "height": 900}
ADDRESS = re.compile(r"http://[\w.]+:\d+")
RUN_FLAGS = (
    "--excerpt_seconds=1.0",
    "--batch_size=2",
    "--num_validation_examples=2",
    "--fft_size=512",
    "--hop=128",
    "--model_dim=16",
    "--num_heads=2",
    "--num_bands=8",
    "--num_blocks=1",
    "--num_epochs=3",
    "--steps_per_epoch=2",
    "--warmup_steps=2",
    "--num_threads=1",
    "--device=cpu",
)


class Pair(NamedTuple):
    """Two files to fuse."""

    input: Path
    target: Path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser that is started once; every page has its own fresh context."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'hocket[dev]'"
    )
    found = os.environ.get("HOCKET_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(
            "no Chromium here: scripts/install_test_tools.sh installs it, or HOCKET_CHROMIUM names one"
        )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def running_studio(*flags: str) -> Iterator[str]:
    """`hocket studio` as a user starts it, on any free port; gives its address."""
    pytest.importorskip("starlette", reason="the studio needs an extra: pip install 'hocket[studio]'")
    command = [
        sys.executable,
        "-m",
        "hocket",
        "studio",
        "--port",
        "0",
        "--no-browser",
        "--num-threads",
        "1",
        *flags,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            address = ADDRESS.search(line)
            assert address is not None, f"the studio said {line!r}"
            yield address[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio with the weights that come with the program, and no runs."""
    with running_studio() as address:
        yield address


class Messages(list[str]):
    """What a page complained of; `expected` names parts of complaints that a test provokes."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[str] = []

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self if not any(part in text for part in self.expected)]


@contextmanager
def opened(chromium: Any, messages: Messages, **options: Any) -> Iterator[Any]:
    """A page in a fresh context; errors and warnings of its console, and failed requests, go to `messages`."""
    context = chromium.new_context(**{"viewport": DESKTOP, "accept_downloads": True, **options})
    context.set_default_timeout(30_000)
    # All controls are there, as for somebody who opened "More" once.
    context.add_init_script("try { localStorage.setItem('hocket.more', 'true') } catch {}")
    page = context.new_page()
    page.on(
        "console",
        lambda message: messages.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: messages.append(str(error)))
    try:
        yield page
    finally:
        context.close()


@pytest.fixture
def messages() -> Messages:
    """What the page complained of."""
    return Messages()


@pytest.fixture
def page(chromium: Any, studio: str, messages: Messages) -> Iterator[Any]:
    """The studio's page, ready to use; in the end its console must hold nothing that was not expected."""
    with opened(chromium, messages) as page:
        page.goto(studio)
        page.wait_for_selector("html[data-ready]")
        yield page
    assert messages.unexpected == []


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A beat (stereo, 44.1 kHz, WAV) and chords (mono, 24 kHz, FLAC), six and seven seconds, made here."""
    folder = tmp_path_factory.mktemp("sounds")
    pair = Pair(folder / "beat & <bass>.wav", folder / "chords.flac")
    audio.save(pair.input, beat(6.0), encoding="pcm16")
    audio.save(pair.target, chords(7.0), encoding="pcm24")
    return pair


@pytest.fixture
def fused(page: Any, pair: Pair) -> Any:
    """The page with the rendered pair fused."""
    from studio_actions import fuse, give

    give(page, "input", pair.input)
    give(page, "target", pair.target)
    fuse(page)
    return page


@pytest.fixture(scope="session")
def long_beat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a half of beat, so that a fusion takes long enough to be watched and stopped."""
    path = tmp_path_factory.mktemp("sounds") / "long.wav"
    audio.save(path, beat(90.0), encoding="pcm16")
    return path


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """A folder with a run that was really trained, for seconds: `runs/small`."""
    folder = tmp_path_factory.mktemp("runs")
    done = hocket("train", prepared, "--run", folder / "small", *RUN_FLAGS)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def beat(seconds: float, *, rate: int = 44_100) -> Audio:
    """A kick and a noisy snare twice a second."""
    random = np.random.default_rng(5)
    time = np.arange(round(seconds * rate)) / rate
    in_beat = time % 0.5
    kick = np.exp(-18 * in_beat) * np.sin(2 * np.pi * 60 * in_beat)
    snare = np.exp(-25 * ((time + 0.25) % 0.5)) * random.standard_normal(len(time)) * 0.3
    left, right = 0.5 * kick + 0.2 * snare, 0.5 * kick + 0.3 * snare
    return Audio(np.stack([left, right]).astype(np.float32), rate)


def chords(seconds: float, *, rate: int = 24_000) -> Audio:
    """Three chords with six partials a note, two seconds each, without attacks."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros_like(time)
    for number, notes in enumerate(((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6))):
        here = np.clip(10 * (1.05 - np.abs((time % 6.0) - (2 * number + 1))), 0, 1)
        for hz in notes:
            for partial in range(1, 7):
                sound += here * np.sin(2 * np.pi * hz * partial * time) / partial**1.5
    return Audio((0.06 * sound[None]).astype(np.float32), rate)
