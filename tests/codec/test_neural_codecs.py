"""EnCodec and DAC by their real classes and formats, made small and random: train, fuse, find the weights again."""

import shutil
from pathlib import Path

import pytest
import torch

from fusion_samples import make_model, noise, save, stir
from hocket import audio
from hocket.cli import main
from hocket.codec import SpectralConfig, open_codec
from hocket.errors import CheckpointError, ConfigError
from hocket.model.weights import load_checkpoint, load_model
from small_run import SMALL

transformers = pytest.importorskip("transformers")

KINDS = ("encodec", "dac")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with folders of weights: encodec, dac (at 16 kHz), others, and stereo."""
    folder = tmp_path_factory.mktemp("weights")
    small = {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "num_lstm_layers": 1}
    for seed, (name, channels) in enumerate({"encodec": 1, "others": 1, "stereo": 2}.items()):
        torch.manual_seed(seed)
        config = transformers.EncodecConfig(**small, audio_channels=channels)
        transformers.EncodecModel(config).save_pretrained(folder / name)
    config = transformers.DacConfig(
        encoder_hidden_size=4, downsampling_ratios=[2, 4, 5, 8], decoder_hidden_size=32, n_codebooks=2,
        codebook_size=64, codebook_dim=4, sampling_rate=16_000,
    )  # fmt: skip
    transformers.DacModel(config).save_pretrained(folder / "dac")
    return folder


def config_of(kind: str, folder: Path) -> SpectralConfig:
    rate_hz = 16_000 if kind == "dac" else 24_000
    return SpectralConfig(sample_rate=rate_hz, codec=kind, codec_weights=str(folder))


def checkpoint_of(folder: Path, path: Path) -> Path:
    """A checkpoint of an untrained model on EnCodec's latents."""
    model = stir(make_model(codec=config_of("encodec", folder)), strength=0.2)
    return save(model, path, codec_hash=model.codec.fingerprint)


@pytest.mark.parametrize("kind", KINDS)
def test_latents_bypass_the_quantiser_and_have_a_frame_a_hop(weights: Path, kind: str) -> None:
    codec = open_codec(config_of(kind, weights / kind))
    network = {"encodec": transformers.EncodecModel, "dac": transformers.DacModel}[kind].from_pretrained(
        weights / kind
    )
    for num_samples in (1, 320, 321, 6400):
        waveform = noise(num_samples, batch=2)[:, 0]
        latent = codec.encode(waveform)
        assert latent.shape == (2, codec.dim, codec.num_frames(num_samples))
        assert codec.decode(latent, num_samples).shape == (2, num_samples)
    with torch.no_grad():
        own = network.eval().encoder(waveform[:, None])
        assert torch.allclose(codec.encode(waveform), own, atol=1e-6)
        # Odd strides of DAC lose some samples at the end.
        decoded = network.decoder(own)[:, 0]
        assert decoded.shape[-1] > 6380
        assert torch.allclose(codec.decode(own, decoded.shape[-1]), decoded, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_frozen_no_part_of_the_weights_and_lets_gradients_through(
    weights: Path, kind: str
) -> None:
    model = make_model(codec=config_of(kind, weights / kind)).requires_grad_(True)
    spectral = make_model()
    assert model.state_dict().keys() == spectral.state_dict().keys()
    assert not list(model.codec.parameters())
    before = model.codec.fingerprint
    model.train()
    result = model(noise(seed=1), noise(seed=2))
    (result.output.square().sum() + result.target_voice.square().sum()).backward()
    assert model.cascade.agents[-1].head.bias.grad.abs().sum() > 0
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert open_codec(model.config.codec).fingerprint == before == model.codec.fingerprint


def test_the_networks_move_with_the_model(weights: Path) -> None:
    model = make_model(codec=config_of("encodec", weights / "encodec"))
    model.to(torch.float64)
    assert next(model.codec._network.parameters()).dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_cudnn_finds_the_way_back_through_the_decoder(weights: Path, kind: str) -> None:
    model = make_model(codec=config_of(kind, weights / kind)).requires_grad_(True).cuda()
    model(noise(seed=1).cuda(), noise(seed=2).cuda()).output.square().sum().backward()


def test_a_tiny_encodec_is_trained_with_and_fuses_twelve_seconds(
    weights: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {**SMALL, "num_epochs": 1, "steps_per_epoch": 2}
    flags = [f"--{name}={value}" for name, value in small.items()]
    flags += ["--codec", "encodec", "--codec-weights", str(weights / "encodec"), "--no-report"]
    assert main(["train", str(corpus / "music"), "--run", str(tmp_path / "run"), *flags]) == 0
    tensors, metadata = load_checkpoint(tmp_path / "run" / "best.safetensors")
    assert metadata["model"]["codec"]["codec_weights"] == str((weights / "encodec").resolve())
    assert len(metadata["codec_hash"]) == 16 and not any("network" in name for name in tensors)
    sources = []
    for seed in (1, 2):
        sources.append(tmp_path / f"{seed}.wav")
        sound = noise(round(12.01 * 44_100), seed=seed)[0].numpy()
        audio.save(sources[-1], audio.Audio(sound, 44_100))
    words = ["fuse", *map(str, sources), "-o", str(tmp_path / "out.wav"), "--no-check"]
    assert main([*words, "--checkpoint", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "the output is at 24 kHz, the rate of the codec encodec" in said
    facts = audio.info(tmp_path / "out.wav")
    assert (facts.sample_rate, facts.num_channels, facts.num_samples) == (24_000, 1, round(12.01 * 24_000))


def test_the_rate_is_the_codecs_own_unless_it_is_given_and_another(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hocket.cli.train import read_config, read_flags

    words = [str(tmp_path), "--run", "run", "--codec", "dac", "--codec-weights", str(weights / "dac")]
    assert read_config(*read_flags(words)).codec.sample_rate == 16_000
    assert main(["train", *words, "--sample-rate", "24000"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "sample_rate is 24000, but dac" in said and "16000 Hz" in said


def test_a_checkpoint_finds_its_codec_again_or_says_what_is_missing(weights: Path, tmp_path: Path) -> None:
    codec = tmp_path / "elsewhere" / "codec"
    shutil.copytree(weights / "encodec", codec)
    run = tmp_path / "run"
    path = checkpoint_of(codec, run / "best.safetensors")
    assert load_model(path)[0].codec.fingerprint
    codec.rename(run / "codec")
    beside, _ = load_model(path)
    assert beside.codec.config.codec_weights == str(run / "codec")
    shutil.rmtree(run / "codec")
    with pytest.raises(CheckpointError, match=f"best.safetensors .*encodec are not at {codec}"):
        load_model(path)
    shutil.copytree(weights / "others", codec)
    with pytest.raises(CheckpointError, match=r"best.safetensors was trained on other weights .* encodec"):
        load_model(path)


@pytest.mark.parametrize(
    ("kind", "folder", "words"),
    [
        ("encodec", "", "needs weights: give --codec-weights .*facebook/encodec_24khz"),
        ("encodec", "stereo", "stereo encodes 2 channels at once"),
        ("encodec", "dac", "dac contains no loadable encodec weights .*those of dac"),
        ("dac", "encodec", "encodec contains no loadable dac weights .*those of encodec"),
        ("encodec", "gone", "the weights of the codec encodec are not at .*gone"),
        ("encodec", "empty", "empty contains no loadable encodec weights"),
        ("encodec", "torn", r"torn contains no loadable encodec weights \(Error while"),
        (
            "encodec",
            "lacking",
            "lacking contains no loadable encodec weights .*lack decoder.layers.0.conv.bias",
        ),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_a_sentence(
    weights: Path, tmp_path: Path, kind: str, folder: str, words: str
) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "empty").mkdir()
    for name in ("torn", "lacking"):
        shutil.copytree(weights / "encodec", tmp_path / name)
    whole = (weights / "encodec" / "model.safetensors").read_bytes()
    (tmp_path / "torn" / "model.safetensors").write_bytes(whole[:5000])
    tensors = load_file(weights / "encodec" / "model.safetensors")
    tensors.pop("decoder.layers.0.conv.bias")
    save_file(tensors, tmp_path / "lacking" / "model.safetensors", {"format": "pt"})
    path = next(
        (root / folder for root in (weights, tmp_path) if (root / folder).is_dir()), tmp_path / folder
    )
    with pytest.raises(ConfigError, match=words) as caught:
        open_codec(SpectralConfig(codec=kind, codec_weights=str(path) if folder else ""))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_hub_without_a_network_and_a_missing_extra_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    config = SpectralConfig(codec="dac", codec_weights="nobody/nothing")
    with pytest.raises(ConfigError, match=r"nobody/nothing of the codec dac .*is there a network\?"):
        open_codec(config)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"dac needs transformers.*pip install 'hocket\[neural\]'"):
        open_codec(config)
