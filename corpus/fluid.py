"""FluidSynth through its C library: one note at a time, without effects, in floats."""

import ctypes
import ctypes.util
import struct
from pathlib import Path
from types import TracebackType

import numpy as np

from hocket.errors import DataError

GAIN = 0.4
BLOCK = 64  # FluidSynth renders so many samples at once: a note that starts between two blocks would be late
DRUM_BANK = 128


def library() -> ctypes.CDLL | None:
    """The FluidSynth library of this machine, or None."""
    name = ctypes.util.find_library("fluidsynth")
    return ctypes.CDLL(name) if name else None


class SoundFont:
    """A sound font that is open in a synthesizer of its own; use it in a `with` block."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        lib = library()
        if lib is None:
            raise DataError("FluidSynth is not installed: on Debian, apt-get install fluidsynth.")
        self.lib = lib
        for name in (
            "new_fluid_settings",
            "new_fluid_synth",
            "fluid_synth_get_sfont_by_id",
            "fluid_sfont_get_preset",
        ):
            getattr(lib, name).restype = ctypes.c_void_p
        # FluidSynth reports on its own standard error; what matters is raised here.
        for level in range(5):
            lib.fluid_set_log_function(level, None, None)
        self.settings = ctypes.c_void_p(lib.new_fluid_settings())
        for key, value in (("synth.sample-rate", float(sample_rate)), ("synth.gain", GAIN)):
            lib.fluid_settings_setnum(self.settings, key.encode(), ctypes.c_double(value))
        for key in ("synth.reverb.active", "synth.chorus.active"):
            lib.fluid_settings_setint(self.settings, key.encode(), 0)
        self.synth = ctypes.c_void_p(lib.new_fluid_synth(self.settings))
        self.font = lib.fluid_synth_sfload(self.synth, str(path).encode(), 1)
        if self.font < 0:
            self.close()
            raise DataError(
                f"{path} is not a sound font that FluidSynth can read: give an .sf2 or .sf3 file."
            )

    def __enter__(self) -> "SoundFont":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the synthesizer."""
        self.lib.delete_fluid_synth(self.synth)
        self.lib.delete_fluid_settings(self.settings)

    def has(self, program: int, *, is_kit: bool) -> bool:
        """Tells whether the font has a program, or a kit of that number."""
        font = ctypes.c_void_p(self.lib.fluid_synth_get_sfont_by_id(self.synth, self.font))
        return bool(self.lib.fluid_sfont_get_preset(font, DRUM_BANK if is_kit else 0, program))

    def note(self, program: int, key: int, velocity: int, num_samples: int, *, is_kit: bool) -> np.ndarray:
        """A note that is held for `num_samples`: mono float32, the mean of both channels."""
        channel, bank = (9, DRUM_BANK) if is_kit else (0, 0)
        self.lib.fluid_synth_system_reset(self.synth)
        self.lib.fluid_synth_program_select(self.synth, channel, self.font, bank, program)
        self._write(BLOCK)
        self.lib.fluid_synth_noteon(self.synth, channel, key, velocity)
        played = self._write(num_samples)
        self.lib.fluid_synth_all_sounds_off(self.synth, channel)
        self._write(BLOCK)
        return played.mean(axis=0)

    def _write(self, num_samples: int) -> np.ndarray:
        whole = -(-num_samples // BLOCK) * BLOCK
        both = np.zeros((2, whole), np.float32)
        left, right = (ctypes.c_void_p(channel.ctypes.data) for channel in both)
        self.lib.fluid_synth_write_float(self.synth, whole, left, 0, 1, right, 0, 1)
        return both[:, :num_samples]


def font_information(path: Path) -> dict[str, str]:
    """The texts that a sound font carries about itself, by their four letters: `INAM` name, `ICOP` copyright."""
    texts: dict[str, str] = {}
    content = path.read_bytes()[: 2**20]
    place = content.find(b"INFO") + 4
    end = place - 8 + struct.unpack("<I", content[place - 8 : place - 4])[0] if place >= 12 else 0
    while place + 8 <= end:
        name, size = struct.unpack("<4sI", content[place : place + 8])
        if name not in (b"ifil", b"iver"):
            text = content[place + 8 : place + 8 + size].split(b"\0")[0]
            texts[name.decode("ascii", "replace")] = text.decode("utf-8", "replace").strip()
        place += 8 + size + size % 2
    return texts
