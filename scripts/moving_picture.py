"""Writes a GIF of a fusion's picture with a line that moves as the sound does: `make listen`."""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from hocket.fusing import FusedFile, Fuser
from hocket.studio.pictures import coloured

SIZE = (760, 240)
CAPTION_PIXELS = 30
FRAMES_A_SECOND = 5
NUM_COLOURS = 160
UNHEARD = 0.4
"""Brightness of what is still to come."""
BLUE, ORANGE = (77, 168, 255), (255, 148, 41)


def write_gif(path: Path, fuser: Fuser, fused: FusedFile, *, rhythm: str, harmony: str) -> None:
    """The output's spectrogram, blue where the rhythm source sounds and orange where the harmony source does."""
    codec = fuser.model.codec
    picture = coloured(
        fused.masks,
        fused.audio.samples.mean(axis=0),
        sample_rate=fused.audio.sample_rate,
        frame_rate=codec.frame_rate,
        bin_hz=None if codec.bin_hz is None else codec.bin_hz.numpy(),
    )
    heard = Image.open(io.BytesIO(picture)).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    ahead = heard.point(lambda value: round(UNHEARD * value))
    count = round(fused.audio.num_samples / fused.audio.sample_rate * FRAMES_A_SECOND)
    frames = [
        _frame(heard, ahead, index / count, f"rhythm: {rhythm}", f"harmony: {harmony}")
        for index in range(count)
    ]
    # One palette for all, or each frame would change everywhere.
    palette = frames[count // 2].quantize(NUM_COLOURS, method=Image.Quantize.MAXCOVERAGE)
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    first.save(
        path, save_all=True, append_images=others, duration=1000 // FRAMES_A_SECOND, loop=0, optimize=True
    )


def _frame(heard: Image.Image, ahead: Image.Image, share: float, rhythm: str, harmony: str) -> Image.Image:
    width, height = SIZE
    place = round(share * width)
    frame = Image.new("RGB", (width, height + CAPTION_PIXELS), (16, 16, 20))
    frame.paste(ahead, (0, CAPTION_PIXELS))
    frame.paste(heard.crop((0, 0, place, height)), (0, CAPTION_PIXELS))
    draw, font = ImageDraw.Draw(frame), ImageFont.load_default(17)
    draw.text((10, 4), rhythm, fill=BLUE, font=font)
    draw.text((width - 10, 4), harmony, fill=ORANGE, font=font, anchor="ra")
    draw.line((place, CAPTION_PIXELS, place, height + CAPTION_PIXELS), fill=(255, 255, 255), width=2)
    return frame
