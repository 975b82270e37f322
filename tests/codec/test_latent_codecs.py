"""Codecs with real latents go the whole way: train, continue, fuse, check, report; and say where they can't."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.libraries import open_library

from fusion_samples import make_model, noise, save, stir
from hocket import audio
from hocket.audio.streams import Workspace
from hocket.cli import main
from hocket.codec import CODECS, LatentCodec, SpectralConfig, open_codec
from hocket.errors import AudioError, CheckpointError, ConfigError
from hocket.fusing import FuseOptions, Fuser, latents
from hocket.fusing.masks import decide_masks
from hocket.model.faders import MAX_LEVEL
from hocket.model.voices import DecodedVoices
from hocket.model.weights import load_model
from hocket.settings import build, read_preset
from hocket.signal import match_rms
from hocket.training.trainer import Trainer
from small_run import SMALL
from toy_codecs import HOP, BentCodec, OrthogonalCodec, toy
from training.test_resume import Stopper, latest_hash

__all__ = ["toy"]
RATE_HZ = 24_000


def open_toy(name: str) -> LatentCodec:
    codec = open_codec(SpectralConfig(codec=name))
    assert isinstance(codec, LatentCodec)
    return codec


def fused_model(name: str, *, strength: float = 0.5):
    return stir(make_model(codec=SpectralConfig(codec=name)), strength=strength)


def trainer_of(name: str, corpus: Path, folder: Path, *, stop_after: int | None = None, **fields) -> Trainer:
    library = open_library(corpus / "music", excerpt_seconds=1.1, validation_fraction=0.2, seed=0)
    listener = Stopper(stop_after)
    trainer = Trainer(build({**SMALL, "codec": name, **fields}), library, folder, listener)
    listener.trainer = trainer
    return trainer


@pytest.mark.parametrize("num_samples", [1, HOP, HOP + 1, 2400])
def test_a_frame_is_a_hop_and_the_way_back_has_the_length(toy: str, num_samples: int) -> None:
    codec, waveform = open_toy(toy), noise(num_samples, batch=2)[:, 0]
    latent = codec.encode(waveform)
    assert latent.shape == (2, codec.dim, codec.num_frames(num_samples))
    assert torch.allclose(codec.decode(latent, num_samples), waveform, atol=1e-6)


def test_features_have_about_unit_size_and_mean_what_they_are_called(toy: str) -> None:
    features = ("level", "transient", "tonal", "held", "chroma")
    codec = open_codec(SpectralConfig(codec=toy, features=features))
    waveform = match_rms(torch.randn(1, 1, RATE_HZ, generator=torch.Generator().manual_seed(1)))[:, 0]
    waveform[:, RATE_HZ // 2 :] *= 0.01
    level, transient, tonal, held, chroma = codec.describe(codec.encode(waveform).square().transpose(1, 2))
    loud, soft = level[:, :150].mean(), level[:, 225:].mean()
    assert abs(loud) < 1.0 and soft < loud - 0.5
    assert abs(tonal.mean()) < 1e-5 and held.std() < tonal.std()
    assert abs(transient[:, 20:150].mean()) < 0.05
    assert abs(chroma.mean()) < 1e-5 and chroma.std() < 1.0


def test_levels_by_decoded_voices_are_those_by_latents_where_decoding_is_linear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two ways to the same levels: inner products of latents, and of the waveforms that they decode to."""
    monkeypatch.setitem(CODECS, "orthogonal", OrthogonalCodec)
    model = fused_model("orthogonal")
    # Whole frames, as what hangs over the end is in the latent but not in the waveform.
    input, target = match_rms(noise(HOP * 100, seed=1)), match_rms(noise(HOP * 100, seed=2))
    result = model(input, target)
    voices = DecodedVoices((result.input_latent, result.target_latent), (input, target), HOP, model.decode)
    levels, _ = model.cascade.faders(voices.tally(result.masks))
    assert torch.allclose(levels, result.levels, rtol=1e-3)
    assert 1 / MAX_LEVEL < levels.min() < 0.99
    parts = [voices.between(*part).tally(_cut(result.masks, *part)) for part in ((0, 37), (37, 100))]
    assert torch.allclose(model.cascade.faders(parts[0] + parts[1])[0], levels, rtol=1e-4)


def _cut(masks, first: int, last: int):
    return type(masks)(masks.input[..., first:last], masks.target[..., first:last])


def test_levels_bring_the_correlations_of_a_bent_output_together(
    toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fused_model(toy)
    input, target = match_rms(noise(RATE_HZ, seed=1)), match_rms(noise(RATE_HZ, seed=2))

    def gap() -> float:
        output = model(input, target).output.flatten()
        return float(
            abs(torch.corrcoef(torch.stack([output, input.flatten(), target.flatten()]))[0, 1:].diff())
        )

    balanced = gap()
    model.cascade.config = replace(model.cascade.config, balance_levels=False)
    assert balanced < 0.25 * gap()


def test_gradients_reach_the_agent_by_the_output_the_target_voice_and_the_levels(toy: str) -> None:
    model = fused_model(toy).requires_grad_(True)
    for what in ("output", "target_voice", "levels"):
        model.zero_grad()
        getattr(model(noise(seed=1), noise(seed=2)), what).square()[..., 0].sum().backward()
        assert model.cascade.agents[-1].head.weight.grad.abs().sum() > 0, what


def test_a_run_goes_on_as_if_it_had_not_stopped(toy: str, corpus: Path, tmp_path: Path) -> None:
    trainer_of(toy, corpus, tmp_path / "whole", num_epochs=1).run()
    trainer_of(toy, corpus, tmp_path / "parts", stop_after=2, num_epochs=1).run()
    later = trainer_of(toy, corpus, tmp_path / "parts", num_epochs=1)
    assert later.resume() is not None
    later.run()
    assert latest_hash(tmp_path / "parts") == latest_hash(tmp_path / "whole")
    with pytest.raises(CheckpointError, match=f"trained with codec = {toy}, not spectral"):
        trainer_of("spectral", corpus, tmp_path / "parts", num_epochs=1).resume()


def test_a_run_is_fused_with_checked_reported_and_not_exported(
    monkeypatch: pytest.MonkeyPatch, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CODECS, "bent", BentCodec)
    trainer_of("bent", corpus, tmp_path / "whole", num_epochs=1, steps_per_epoch=1).run()
    checkpoint = tmp_path / "whole" / "best"
    songs = sorted((corpus / "music").rglob("*.flac"))[:2]
    out = tmp_path / "out.wav"
    words = ["fuse", *map(str, songs), "-o", str(out), "--checkpoint", str(checkpoint), "--stems"]
    assert main([*words, "--pictures"]) == 0
    output, stems = audio.load(out), [audio.load(out.with_suffix(f".{n}.wav")) for n in ("rhythm", "harmony")]
    assert output.sample_rate == RATE_HZ and output.num_samples == audio.info(songs[0]).num_samples
    assert np.allclose(output.samples, stems[0].samples + stems[1].samples, atol=1e-5)
    assert json.loads(out.with_name("out.wav.hocket.json").read_text())["diagnosis"] is not None
    assert main(["check", str(out), "--input", str(songs[0]), "--target", str(songs[1])]) in (0, 1, 3)
    assert main(["report", str(tmp_path / "whole"), "-o", str(tmp_path / "page.html")]) == 0
    capsys.readouterr()
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "model.onnx")]) == 2
    assert "trained on latents of bent" in capsys.readouterr().err
    assert not (tmp_path / "model.onnx").exists()


def test_what_is_fused_has_the_codecs_rate_and_its_own_channels(toy: str, tmp_path: Path) -> None:
    checkpoint = save(fused_model(toy), tmp_path / "model.safetensors")
    fuser, paths = Fuser.from_checkpoint(checkpoint), []
    for seed in (1, 2):
        paths.append(tmp_path / f"{seed}.wav")
        sound = noise(44_100 * 2, seed=seed, channels=2)[0].numpy()
        audio.save(paths[-1], audio.Audio(sound, 44_100))
    fused = fuser.fuse_files(*paths)
    assert fused.audio.sample_rate == RATE_HZ and fused.audio.samples.shape == (2, 2 * RATE_HZ)
    assert any("24 kHz" in note and toy in note for note in fused.notes)
    assert np.allclose(fused.audio.samples, fused.stems[0].samples + fused.stems[1].samples, atol=1e-6)
    facts = fuser.fuse_to_file(*paths, tmp_path / "out.wav", options=FuseOptions(target_amount=0.5))
    assert facts.sample_rate == RATE_HZ
    arrays = fuser.model.inference(fused.input.samples, fused.target.samples)
    assert arrays.shape == fused.audio.samples.shape
    with pytest.raises(AudioError, match=f"{toy}.*24000 Hz"):
        fuser.fuse_files(*paths, options=FuseOptions(sample_rate=48_000))


def test_blocks_and_chunks_add_up_to_the_whole(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of these codecs do not hear each other, so a joint changes nothing; 5.02 s are no whole frames."""
    model = fused_model(toy)
    length = round(5.02 * RATE_HZ)
    sources = [match_rms(noise(length, seed=seed, channels=2)) for seed in (1, 2)]

    def excerpts(first: int, last: int):
        return sources[0][..., first:last], sources[1][..., first:last]

    track = decide_masks(model, excerpts, length, workspace=Workspace())
    assert track.num_frames == model.codec.num_frames(length)
    chunked = decide_masks(model, excerpts, length, workspace=Workspace(), chunk_seconds=4.5)
    assert torch.allclose(chunked.levels, track.levels, rtol=0.05)

    def mixed() -> torch.Tensor:
        blocks = latents.mix_latents(track, excerpts, length, amounts=(1.0, 0.5))
        return torch.cat([block for _, block in blocks], dim=-1)

    whole = mixed()
    monkeypatch.setattr(latents, "BLOCK_SECONDS", 1.3)
    monkeypatch.setattr(latents, "CONTEXT_SECONDS", 0.1)
    assert whole.shape == (1, 2, length)
    assert torch.allclose(mixed(), whole, atol=1e-5)
    result = model(*sources)
    target = model.decode(result.target_share, length)
    assert torch.allclose(whole, result.output - 0.5 * target, atol=1e-4)


def test_the_collapsed_preset_collapses_on_latents_and_the_alarm_rings(
    monkeypatch: pytest.MonkeyPatch, corpus: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(CODECS, "bent", BentCodec)
    fields = {**read_preset("collapsed"), "num_epochs": 1, "steps_per_epoch": 15, "learning_rate": 0.02}
    trainer = trainer_of("bent", corpus, tmp_path / "run", **fields)
    outcome = trainer.run()
    found = outcome.validation
    assert found.masks.input_mask_mean == pytest.approx(0.5, abs=0.1)
    assert found.figures.verdict == "copying target" and found.figures.ratio > 2
    last = trainer.listener.reports[-1]
    assert [remedy.field for remedy in last.remedies][:1] == ["reconstruction_input_weight"]
    assert not all(item.met for item in outcome.items)


def test_a_codec_that_nobody_knows_is_refused_in_a_sentence(toy: str, tmp_path: Path) -> None:
    path = save(fused_model(toy), tmp_path / "model.safetensors")
    CODECS.pop(toy)
    with pytest.raises(CheckpointError, match=f"model.safetensors .*there is no codec '{toy}': .*spectral"):
        load_model(path)
    with pytest.raises(ConfigError, match="did you mean encodec"):
        open_codec(SpectralConfig(codec="encodek"))
