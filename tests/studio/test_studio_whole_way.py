"""From two files to a download, over a real socket."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from visiting import Visitor

from hocket import audio

REGION = [0.3, 2.1]


@pytest.fixture(scope="module")
def fused(studio_url: str, drums_wav: Path, pads_flac: Path) -> dict[str, Any]:
    """A result, with the ids of its sources."""
    with Visitor(base_url=studio_url, timeout=60.0) as visitor:
        sources = [visitor.upload(drums_wav), visitor.upload(pads_flac)]
        wish = {"input": sources[0]["id"], "target": sources[1]["id"], "input_region": REGION}
        answer = visitor.post("/api/jobs", json={**wish, "reattack": 0.5})
        assert answer.status_code == 202
        job = visitor.follow(answer.json())
        assert job["state"] == "done" and job["progress"] == 1.0, job
        result: dict[str, Any] = visitor.get(f"/api/results/{job['result']}").json()
        return {**result, "sources": sources}


@pytest.fixture(scope="module")
def expected(
    drums_wav: Path, pads_flac: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, audio.Audio]:
    """What `hocket.fusing` makes of the same cut."""
    from hocket.fusing import FuseOptions, Fuser

    folder = tmp_path_factory.mktemp("expected")
    whole = audio.load(drums_wav)
    start, end = (round(seconds * whole.sample_rate) for seconds in REGION)
    audio.save(
        folder / "cut.wav", audio.Audio(whole.samples[:, start:end].copy(), 44_100), encoding="float32"
    )
    options = FuseOptions(reattack=0.5)
    fused = Fuser.from_checkpoint().fuse_files(folder / "cut.wav", pads_flac, options=options)
    audio.save(folder / "output.wav", fused.audio, encoding="pcm24")
    (folder / "same").mkdir()
    return {
        "output": audio.load(folder / "output.wav"),
        "input": fused.input,
        "target": fused.target,
    }


def _decoded(answer: httpx.Response, folder: Path, suffix: str) -> audio.Audio:
    path = folder / f"answer{suffix}"
    path.write_bytes(answer.content)
    return audio.load(path)


def test_the_studio_says_what_it_takes(visitor: httpx.Client) -> None:
    about = visitor.get("/api/about").json()
    assert about["max_upload_bytes"] == 2 * 2**20 and about["max_seconds"] == 20.0
    assert {"WAV", "FLAC", "MP3"} <= set(about["formats"])
    assert about["has_runs"] is False and about["weights"] == "default"


def test_a_recording_is_told_of_as_it_is(fused: dict[str, Any]) -> None:
    drums, pads = fused["sources"]
    assert (drums["sample_rate"], drums["num_channels"], drums["format"]) == (44_100, 2, "wav")
    assert (pads["sample_rate"], pads["num_channels"], pads["format"]) == (32_000, 1, "flac")
    assert drums["seconds"] == pytest.approx(2.5) and pads["seconds"] == pytest.approx(3.2)
    assert len(drums["peaks"]) == 1200 and 0.4 < max(drums["peaks"]) <= 1.0
    # The strokes are there, and between them there is little.
    assert max(drums["peaks"][:60]) > 0.3 > 0.1 > np.median(drums["peaks"])


def test_what_is_played_of_a_recording_is_the_recording(
    visitor: httpx.Client, fused: dict[str, Any], drums_wav: Path, tmp_path: Path
) -> None:
    answer = visitor.get(f"/api/sources/{fused['sources'][0]['id']}/audio")
    assert answer.headers["content-type"] == "audio/wav"
    played, original = _decoded(answer, tmp_path, ".wav"), audio.load(drums_wav)
    assert np.array_equal(played.samples, original.samples), "16 bits are as they were"


def test_the_download_is_what_inference_makes_of_the_same_cut(
    visitor: httpx.Client, fused: dict[str, Any], expected: dict[str, audio.Audio], tmp_path: Path
) -> None:
    for format, suffix in (("wav", ".wav"), ("flac", ".flac")):
        answer = visitor.get(f"/api/results/{fused['id']}/download", params={"format": format})
        name = f"drums_x_pads_re-attack-0.5{suffix}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        output = _decoded(answer, tmp_path, suffix)
        assert output.sample_rate == 44_100
        assert np.array_equal(output.samples, expected["output"].samples)
    assert output.duration_seconds == pytest.approx(REGION[1] - REGION[0], abs=1e-4)


def test_all_three_players_have_one_length_and_the_right_sound(
    visitor: httpx.Client, fused: dict[str, Any], expected: dict[str, audio.Audio], tmp_path: Path
) -> None:
    for voice, wanted in expected.items():
        answer = visitor.get(f"/api/results/{fused['id']}/audio/{voice}")
        played = _decoded(answer, tmp_path, ".wav")
        assert played.samples.shape == expected["output"].samples.shape
        assert np.abs(played.samples - wanted.samples).max() <= 2.0**-15


def test_a_player_may_ask_for_a_range(visitor: httpx.Client, fused: dict[str, Any]) -> None:
    url = f"/api/results/{fused['id']}/audio/output"
    whole = visitor.get(url).content
    part = visitor.get(url, headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206 and part.content == whole[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert visitor.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert visitor.head(url).headers["content-length"] == str(len(whole))


def test_the_verdict_is_that_of_the_diagnosis(
    fused: dict[str, Any], expected: dict[str, audio.Audio]
) -> None:
    from hocket.diagnostics.listening import diagnose_heard, listen
    from hocket.diagnostics.wording import worded

    figures = diagnose_heard(listen(expected["output"], expected["input"], expected["target"]))
    told = {figure["key"]: figure["value"] for figure in fused["figures"]}
    assert told.keys() == {
        name for name in vars(figures) if name not in ("input_lag_seconds", "target_lag_seconds", "sources")
    }
    for name, value in told.items():
        assert value == pytest.approx(getattr(figures, name), abs=0.02), name
    assert fused["verdict"] == str(figures.verdict)
    assert fused["verdict_words"] == worded(figures).line
    assert fused["sentences"]
    assert fused["options"]["input_region"] == REGION and fused["options"]["reattack"] == 0.5


def test_equal_loudness_is_equal(fused: dict[str, Any], expected: dict[str, audio.Audio]) -> None:
    # The page divides by these: tests/browser holds what is heard.
    heard = {
        voice: float(np.mean(np.square(sound.samples))) / fused["energies"][voice]
        for voice, sound in expected.items()
    }
    assert max(heard.values()) == pytest.approx(min(heard.values()), rel=1e-2)
    assert max(heard.values()) == pytest.approx(1.0, rel=1e-2)


def test_the_picture_has_both_voices(visitor: httpx.Client, fused: dict[str, Any]) -> None:
    answer = visitor.get(f"/api/results/{fused['id']}/voices.png")
    assert answer.headers["content-type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    assert pixels.shape[0] == 480 and pixels.shape[1] > 200
    # Red is what the input gave and green what the target gave; 60 steps are some 20 dB.
    red_minus_green = pixels[..., 0] - pixels[..., 1]
    assert (red_minus_green > 60).mean() > 0.01 and (red_minus_green < -60).mean() > 0.01
    # Higher frequencies are further up: the pads' partials are in the lower half.
    green = (red_minus_green < -60).mean(axis=1)
    assert green[240:].sum() > green[:240].sum()
    assert fused["spectrogram"]["highest_hz"] == 22_050 and fused["spectrogram"]["range_db"] > 60


def test_the_same_wish_gives_the_same_bytes(visitor: Any, fused: dict[str, Any]) -> None:
    wish = {"input": fused["sources"][0]["id"], "target": fused["sources"][1]["id"], **fused["options"]}
    job = visitor.follow(visitor.post("/api/jobs", json=wish).json())
    assert job["result"] != fused["id"]
    first, second = (
        visitor.get(f"/api/results/{id}/download").content for id in (fused["id"], job["result"])
    )
    assert first == second


def test_errors_name_the_file_as_its_owner_does(visitor: Any, drums_wav: Path, tmp_path: Path) -> None:
    mute = tmp_path / "stub.wav"
    audio.save(mute, audio.Audio(np.full((1, 48_000), 0.5, dtype=np.float32), 48_000))
    sources = [visitor.upload(path, "Grüße, Welt.wav") for path in (mute, drums_wav)]
    job = visitor.post("/api/jobs", json={"input": sources[0]["id"], "target": sources[1]["id"]}).json()
    job = visitor.follow(job)
    assert job["state"] == "failed" and job["result"] is None
    assert job["message"].startswith("Grüße, Welt.wav is silent")
    assert "/" not in job["message"]


def test_what_is_taken_away_is_gone(visitor: Any, drums_wav: Path, pads_flac: Path) -> None:
    sources = [visitor.upload(drums_wav), visitor.upload(pads_flac)]
    job = visitor.post("/api/jobs", json={"input": sources[0]["id"], "target": sources[1]["id"]}).json()
    for source in sources:
        # While the job waits or runs: it goes on all the same.
        assert visitor.delete(f"/api/sources/{source['id']}").status_code == 204
        assert visitor.get(f"/api/sources/{source['id']}/audio").status_code == 404
    result = visitor.follow(job)["result"]
    assert result is not None
    assert visitor.delete(f"/api/results/{result}").status_code == 204
    for path in ("", "/audio/output", "/audio/rhythm", "/voices.png", "/download", "/stems"):
        answer = visitor.get(f"/api/results/{result}{path}")
        assert answer.status_code == 404 and "fuse again" in answer.json()["error"]
    assert visitor.delete(f"/api/results/{result}").status_code == 404
