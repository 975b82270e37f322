"""Recordings to bring to a studio, a client that does what the page does, and a studio in a process of its own."""

import contextlib
import io
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import mido
import numpy as np

from hocket.audio import Audio
from hocket.studio.app import create_app
from hocket.studio.requests import page_options
from hocket.studio.server import address, bound, make_server
from hocket.studio.settings import Settings

FACTS = {
    "amounts": [0.5, 0.5],
    "wanted_lufs": -20.0,
    "input_name": "drums.wav",
    "target_name": "pads.flac",
    "options": {option.name: option.default for option in page_options()},
}
"""What is known of a result, as far as a download of it needs that."""

START_SECONDS = 30.0


def drums(*, seconds: float = 2.5, rate: int = 44_100) -> Audio:
    """Stereo strokes, four a second, over a little noise."""
    time_seconds = np.arange(round(seconds * rate)) / rate
    strokes = np.sin(2 * np.pi * 90 * time_seconds) * np.exp(-((time_seconds % 0.25) * 25))
    noise = np.random.default_rng(1).standard_normal((2, len(time_seconds)))
    return Audio((0.5 * strokes + 0.01 * noise).astype(np.float32), rate)


def pads(*, seconds: float = 3.2, rate: int = 32_000) -> Audio:
    """A mono chord that changes once."""
    time_seconds = np.arange(round(seconds * rate)) / rate
    bend = np.where(time_seconds < seconds / 2, 1.0, 4 / 3)
    chord = sum(np.sin(2 * np.pi * hz * bend * time_seconds) for hz in (220.0, 277.2, 329.6))
    return Audio((0.2 * chord[None]).astype(np.float32), rate)


def midi_chords(*, beats: int = 4, channel: int = 0) -> bytes:
    """A MIDI file with Am, F, C and G, each for so many half seconds."""
    track = mido.MidiTrack()
    for notes in ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62)):
        track += [mido.Message("note_on", channel=channel, note=note, velocity=90) for note in notes]
        for place, note in enumerate(notes):
            length = 0 if place else 480 * beats
            track.append(mido.Message("note_off", channel=channel, note=note, time=length))
    content = io.BytesIO()
    mido.MidiFile(tracks=[track]).save(file=content)
    return content.getvalue()


class Visitor(httpx.Client):
    """A client that does what the page does."""

    def upload(self, path: Path, name: str | None = None) -> dict[str, Any]:
        """Brings a file and gives what the studio says of it."""
        answer = self.post("/api/sources", params={"name": name or path.name}, content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        facts: dict[str, Any] = answer.json()
        return facts

    def follow(self, job: dict[str, Any], *, limit_seconds: float = 60.0) -> dict[str, Any]:
        """Waits for the end of a job."""
        end_seconds = time.monotonic() + limit_seconds
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < end_seconds, job
            time.sleep(0.05)
            job = self.get(f"/api/jobs/{job['id']}").json()
        return job


def started(
    arguments: Sequence[str],
    temp: Path,
    *,
    program: Sequence[str] = ("-m", "hocket", "studio"),
    max_files: int | None = None,
    **environment: str,
) -> tuple["subprocess.Popen[str]", str]:
    """A studio as a user starts it, on any free port, and the address on this machine that it printed."""

    def prepare() -> None:
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if max_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

    studio = subprocess.Popen(
        [sys.executable, *program, "--port", "0", "--no-browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temp), **environment},
        preexec_fn=prepare,
    )
    assert studio.stdout is not None
    line = studio.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found is not None, line + (studio.stderr.read() if studio.stderr else "")
    return studio, found[0]


def ended(studio: "subprocess.Popen[str]", number: int) -> str:
    """Sends it a signal and gives what it said on stderr in its life."""
    studio.send_signal(number)
    _, errors = studio.communicate(timeout=30)
    return errors


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """A studio in a thread, for as long as the block runs; gives its URL."""
    listener = bound(settings)
    server = make_server(create_app(settings))
    thread = threading.Thread(target=server.run, args=([listener],), name="studio", daemon=True)
    thread.start()
    try:
        end_seconds = time.monotonic() + START_SECONDS
        while not server.started:
            assert time.monotonic() < end_seconds and thread.is_alive(), "the studio did not start"
            time.sleep(0.01)
        yield address(settings, listener)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()
