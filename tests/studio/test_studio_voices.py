"""Both voices of a fusion by themselves: heard before the verdict, mixed anew, taken home."""

import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from visiting import Visitor

from hocket import audio
from hocket.fusing.loudness import CEILING_DB, loudness_lufs, true_peak_db
from hocket.studio import fusing


def _read(content: bytes, folder: Path, name: str) -> audio.Audio:
    (folder / name).write_bytes(content)
    return audio.load(folder / name)


def _rms_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-30))


@pytest.fixture(scope="module")
def sources(studio_url: str, drums_wav: Path, pads_flac: Path) -> dict[str, str]:
    with Visitor(base_url=studio_url, timeout=60.0) as visitor:
        input, target = (visitor.upload(path)["id"] for path in (drums_wav, pads_flac))
    return {"input": input, "target": target}


@pytest.fixture(scope="module")
def fused(studio_url: str, sources: dict[str, str]) -> dict[str, Any]:
    with Visitor(base_url=studio_url, timeout=60.0) as visitor:
        job = visitor.follow(visitor.post("/api/jobs", json={**sources, "input_amount": 0.8}).json())
        result: dict[str, Any] = visitor.get(f"/api/results/{job['result']}").json()
    return result


@pytest.fixture
def voices(visitor: Visitor, fused: dict[str, Any], tmp_path: Path) -> dict[str, np.ndarray]:
    return {
        name: _read(
            visitor.get(f"/api/results/{fused['id']}/audio/{name}").content, tmp_path, f"{name}.wav"
        ).samples
        for name in ("rhythm", "harmony", "output")
    }


def test_the_output_is_the_sum_of_the_voices_times_their_amounts(
    fused: dict[str, Any], voices: dict[str, np.ndarray]
) -> None:
    assert fused["amounts"] == pytest.approx([0.8, 1.0])
    total = 0.8 * voices["rhythm"] + voices["harmony"]
    assert _rms_db(total - voices["output"]) < _rms_db(voices["output"]) - 100


def test_the_energies_give_the_loudness_of_any_mix(
    fused: dict[str, Any], voices: dict[str, np.ndarray]
) -> None:
    told = fused["energies"]
    for first, second in ((1.0, 1.0), (0.3, 2.0), (0.0, 1.0)):
        wanted = np.mean(np.square(first * voices["rhythm"] + second * voices["harmony"]))
        mixed = first**2 * told["rhythm"] + second**2 * told["harmony"] + 2 * first * second * told["cross"]
        assert mixed == pytest.approx(wanted, rel=1e-4)


def test_a_mix_is_rendered_from_the_voices_with_the_loudness_of_an_output(
    visitor: Visitor, fused: dict[str, Any], voices: dict[str, np.ndarray], tmp_path: Path
) -> None:
    url = f"/api/results/{fused['id']}/download"
    for number, (first, second) in enumerate(((0.0, 1.0), (3.0, 0.5), (0.0, 1.0))):
        answer = visitor.get(url, params={"format": "wav", "input": first, "target": second})
        mixed = _read(answer.content, tmp_path, f"mix{number}.wav")
        wanted = first * voices["rhythm"] + second * voices["harmony"]
        gain = np.sqrt(np.mean(mixed.samples**2) / np.mean(wanted**2))
        assert _rms_db(mixed.samples - gain * wanted) < _rms_db(mixed.samples) - 90
        assert true_peak_db(mixed) <= CEILING_DB
        # As loud as the louder source, unless the ceiling is in the way.
        assert loudness_lufs(mixed) == pytest.approx(fused["wanted_lufs"], abs=0.1) or true_peak_db(
            mixed
        ) == pytest.approx(CEILING_DB, abs=0.1)
        assert f"rhythm-{first:.2f}" in answer.headers["content-disposition"]


def test_the_mix_as_it_was_fused_is_the_output(
    visitor: Visitor, fused: dict[str, Any], voices: dict[str, np.ndarray], tmp_path: Path
) -> None:
    first, second = fused["amounts"]
    for query in ({}, {"input": first, "target": second}):
        answer = visitor.get(f"/api/results/{fused['id']}/download", params=query)
        assert np.array_equal(_read(answer.content, tmp_path, "same.wav").samples, voices["output"])


def test_the_stems_add_up_to_the_mix(visitor: Visitor, fused: dict[str, Any], tmp_path: Path) -> None:
    for query in ({}, {"input": 2.0, "target": 0.25}):
        answer = visitor.get(f"/api/results/{fused['id']}/stems", params=query)
        assert answer.headers["content-type"] == "application/zip"
        assert ".stems.zip" in answer.headers["content-disposition"]
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            names = sorted(archive.namelist())
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "no clock"
            assert [name.rsplit(".", 2)[1] for name in names] == ["harmony", "rhythm"]
            stems = [
                _read(archive.read(name), tmp_path, f"{number}.wav") for number, name in enumerate(names)
            ]
        mixed = _read(
            visitor.get(f"/api/results/{fused['id']}/download", params=query).content, tmp_path, "mix.wav"
        )
        total = stems[0].samples + stems[1].samples
        assert _rms_db(total - mixed.samples) < _rms_db(mixed.samples) - 100


@pytest.mark.parametrize("query", [{}, {"target": 0.5}])
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_download_says_what_it_was_made_of(
    visitor: Visitor, fused: dict[str, Any], tmp_path: Path, format: str, query: dict[str, float]
) -> None:
    answer = visitor.get(f"/api/results/{fused['id']}/download", params={"format": format, **query})
    (tmp_path / f"new.{format}").write_bytes(answer.content)
    with soundfile.SoundFile(tmp_path / f"new.{format}") as file:
        assert (file.title, file.comment) == ("drums x pads", "Rhythm: drums.wav. Harmony: pads.flac.")


def test_an_mp3_of_a_mix_can_be_had(visitor: Visitor, fused: dict[str, Any], tmp_path: Path) -> None:
    answer = visitor.get(f"/api/results/{fused['id']}/download", params={"format": "mp3", "target": 0.5})
    assert answer.headers["content-type"] == "audio/mpeg"
    sound = _read(answer.content, tmp_path, "mix.mp3")
    assert sound.duration_seconds == pytest.approx(fused["seconds"], abs=0.1)


@pytest.mark.parametrize(
    "query", [{"input": "loud"}, {"input": -1}, {"target": 1e9}, {"input": 0, "target": 0}, {"input": "nan"}]
)
def test_amounts_that_are_none_are_refused(
    visitor: Visitor, fused: dict[str, Any], query: dict[str, Any]
) -> None:
    for what in ("download", "stems"):
        answer = visitor.get(f"/api/results/{fused['id']}/{what}", params=query)
        assert answer.status_code == 422 and answer.json()["error"].endswith(".")


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What the verdict waits for; then it comes as always."""
    judge, go = fusing._judged, threading.Event()

    def later(*arguments: Any) -> dict[str, Any]:
        assert go.wait(60)
        return judge(*arguments)

    monkeypatch.setattr(fusing, "_judged", later)
    return go


def heard_early(visitor: Visitor, sources: dict[str, str]) -> dict[str, Any]:
    """Starts a job, and gives it as it is told of when its sound can be had."""
    job = visitor.post("/api/jobs", json=sources).json()
    while not (view := visitor.get(f"/api/jobs/{job['id']}").json())["result"]:
        assert view["state"] in ("queued", "running"), view
    return dict(view)


def test_it_can_be_heard_before_it_is_judged(
    visitor: Visitor, sources: dict[str, str], go: threading.Event
) -> None:
    view = heard_early(visitor, sources)
    assert view["state"] == "running"
    early = visitor.get(f"/api/results/{view['result']}").json()
    assert early["is_judged"] is False and not {"verdict", "is_stopped"} & early.keys()
    assert early["peaks"].keys() == {"rhythm", "harmony"}
    for voice in ("rhythm", "harmony"):
        assert visitor.get(f"/api/results/{view['result']}/audio/{voice}").status_code == 200
    assert visitor.get(f"/api/results/{view['result']}/download").status_code == 200
    go.set()
    done = visitor.follow(view)
    late = visitor.get(f"/api/results/{done['result']}").json()
    assert done["result"] == view["result"] and late["is_judged"] is True and late["verdict"]
    assert late["peaks"].keys() == {"rhythm", "harmony", "output", "input", "target"}


def test_what_is_cancelled_while_it_is_judged_can_still_be_heard(
    visitor: Visitor, sources: dict[str, str], go: threading.Event
) -> None:
    view = heard_early(visitor, sources)
    visitor.delete(f"/api/jobs/{view['id']}")
    go.set()
    assert visitor.follow(view)["state"] == "cancelled"
    result = visitor.get(f"/api/results/{view['result']}").json()
    assert result["is_judged"] is False and result["is_stopped"] is True
    assert visitor.get(f"/api/results/{view['result']}/audio/rhythm").status_code == 200


def test_what_is_taken_away_while_it_is_judged_is_gone(
    visitor: Visitor, sources: dict[str, str], go: threading.Event
) -> None:
    view = heard_early(visitor, sources)
    assert visitor.delete(f"/api/results/{view['result']}").status_code == 204
    go.set()
    ended = visitor.follow(view)
    assert ended["state"] == "failed" and "fuse again" in ended["message"]
    assert visitor.get(f"/api/results/{view['result']}").status_code == 404
