"""The styles that rhythms are drawn from, as patterns in letters.

One letter is one step. Drums: `X` accent, `x` hit, `o` soft hit, `?` a hit that half of the rhythms have, `.`
nothing. Chords: `X` and `x` strike, `-` keeps ringing, `.` silence. Bass: `r` root, `t` third, `f` fifth, `o`
octave. Melody: `x`. Several patterns for one voice are alternatives; a line's pattern may be longer than a bar.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Style:
    """Common traits of the rhythms of a style."""

    tempo_bpm: tuple[float, float]
    chords: tuple[str, ...]
    bass: tuple[str, ...]
    drums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    beats_per_bar: int = 4
    steps_per_beat: int = 4
    swing: tuple[float, float] = (0.0, 0.0)  # delay of the second half of a pair, as a share of that half
    swung_steps: int = 1  # how many steps that half has
    ghosts: float = 0.0  # probability of a soft snare on a free step
    lead: tuple[str, ...] = ("x.x.x.x.x.x.x.x.", "x..x..x...x.x...", "x...x.x...x.x...")


_TWELVE_LEAD = ("x.x.x.x.x.x.", "x..x..x.....", "x.....x...x.")

DRUM_STYLES = {
    "rock": Style(
        (92, 152),
        chords=("X---x---X---x---", "X-----x-X---x-x-", "X-x-x-x-X-x-x-x-", "X--x--x-X--x--x-"),
        bass=("r-r-r-r-r-r-r-r-", "r-----r-r---f-r-", "r--r--r-r--r--o-"),
        drums={
            "kick": ("X.......X.x.....", "X.....x.X.......", "X..x....X.x...x.", "X.x.....x.X....?"),
            "snare": ("....X.......X...", "....X.......X..o"),
            "hat": ("x.o.x.o.x.o.x.o.", "x.x.x.x.x.x.x.x."),
            "open_hat": ("..............?.", "......?........."),
        },
        ghosts=0.03,
    ),
    "ride_rock": Style(
        (120, 168),
        chords=("X-------X-------", "X---x---X--x--x-"),
        bass=("r-r-r-r-r-r-r-r-", "r---r---f---o---"),
        drums={
            "kick": ("X...x...X...x...", "X.....x...X....."),
            "snare": ("....X.......X...",),
            "ride": ("x...x...x...x...", "x.o.x.o.x.o.x.o."),
        },
    ),
    "funk": Style(
        (88, 116),
        chords=("..x..x..X..x..x.", "X..x...x..X..x..", "....x-.x....x-.x", "X-.x..x-..x..x.."),
        bass=("r..r..o...r.fr..", "r-.r....r.o..f..", "r.....ro..f.r..."),
        drums={
            "kick": ("X..x..x...x..x..", "X.x....x..x.....", "X.....x..xx....."),
            "snare": ("....X..o.o..X..o", "....X..o....X.o."),
            "hat": ("xoxoxoxoxoxoxoxo", "x.xox.xox.xox.xo"),
            "open_hat": ("......x.........", "..............x."),
        },
        swing=(0.0, 0.22),
        ghosts=0.1,
    ),
    "house": Style(
        (118, 130),
        chords=("..x-..x-..x-..x-", "X..x..x..x..x.x.", "X--x--x---X--x--", "...x..x....x..x."),
        bass=("..r-..r-..r-..r-", "r.rrr.rrr.rrr.ro", "..rr..ro..rr..fo"),
        drums={
            "kick": ("X...X...X...X...",),
            "clap": ("....X.......X...",),
            "open_hat": ("..x...x...x...x.",),
            "hat": ("o.o.o.o.o.o.o.o.", "ooxoooxoooxoooxo"),
            "shaker": ("?ox??ox??ox??ox?",),
        },
        swing=(0.0, 0.12),
    ),
    "disco": Style(
        (108, 126),
        chords=("..x...x...x...x.", "X-..x-.x..x.x...", "X..x..x.x..x..x."),
        bass=("r.o.r.o.r.o.r.o.", "r.or.or.r.or.fo."),
        drums={
            "kick": ("X...X...X...X...",),
            "snare": ("....X.......X...", "....X.......X.o."),
            "hat": ("x.xox.xox.xox.xo", "oo.ooo.ooo.ooo.o"),
            "open_hat": ("..x...x...x...x.",),
            "high_conga": ("?..x..?x...x..x.",),
        },
    ),
    "boom_bap": Style(
        (78, 98),
        chords=("X-----..x---....", "X-------..x-..x-", "X---..x-....x---"),
        bass=("r-----....r-f-..", "r--....rr-....o-"),
        drums={
            "kick": ("X......x.xx.....", "X.x.......X..x..", "X..x......x....."),
            "snare": ("....X.......X...",),
            "hat": ("x.x.x.x.x.x.x.x.", "x.xxx.x.x.x.x.xx"),
            "rim": ("......?........?",),
        },
        swing=(0.15, 0.4),
        ghosts=0.05,
    ),
    "trap": Style(
        (128, 150),
        chords=("X-------....x---", "X-----x-----x---"),
        bass=("r-------....r-..", "r-----r-..o---.."),
        drums={
            "kick": ("X.........x.....", "X.....x....x....", "X..x......x...x."),
            "clap": ("........X.......",),
            "hat": ("x.x.x.xxx.x.xxxx", "x.x.xxx.x.x.x.xx", "x.xxx.x.xxx.x.x."),
            "open_hat": ("..............?.",),
        },
    ),
    "breakbeat": Style(
        (104, 142),
        chords=("X--x..x---x-....", "X-..x-..x.x-..x-"),
        bass=("r-r...r---r-....", "r..r..o-....f-r."),
        drums={
            "kick": ("X.X.......XX....", "X.x......xX....."),
            "snare": ("....X..o.o..X..o", "....X..x.o..X..o"),
            "ride": ("x.x.x.x.x.x.x.x.",),
            "hat": ("..o...o...o...o.",),
        },
        swing=(0.0, 0.15),
        ghosts=0.08,
    ),
    "drum_and_bass": Style(
        (158, 178),
        chords=("X-----x-----....", "X---------x-----", "X--x--x---x-x---"),
        bass=("r-----r---....r-", "r-r.....r-o---.."),
        drums={
            "kick": ("X.........X.....", "X.....?...X....."),
            "snare": ("....X..o.o..X..o", "....X.......X..."),
            "hat": ("x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo"),
        },
        ghosts=0.06,
    ),
    "bossa": Style(
        (104, 142),
        chords=("X--x--x---x--x--", "X-..x-..x.x-..x-", "..x---x.x---x-.."),
        bass=("r-----fff-----rr", "r-----f-f-----r-"),
        drums={
            "kick": ("X..xX..xX..xX..x",),
            "rim": ("X..x..x...x..x..", "..x...x..x..x..."),
            "shaker": ("xoxoxoxoxoxoxoxo", "xooxxooxxooxxoox"),
            "high_conga": ("....?......?..?.",),
        },
    ),
    "reggae": Style(
        (124, 158),
        chords=("....X-......X-..", "....X-....x-X-.."),
        bass=("r---..r-f---....", "....r-t-f---r-..", "r-..r-..f-t-r-.."),
        drums={
            "kick": ("........X.......", "X.......X......."),
            "rim": ("........X.......",),
            "hat": ("x...x.o.x...x.o.", "x.o.x.o.x.o.x.o."),
            "low_tom": ("..............?.",),
        },
        swing=(0.0, 0.3),
        swung_steps=2,
    ),
    "dembow": Style(
        (86, 106),
        chords=("X--x--x-X--x--x-", "..x-..x-..x-..x-"),
        bass=("r---r---r---r---", "r-----r-r-----f-"),
        drums={
            "kick": ("X...X...X...X...",),
            "snare": ("...X..X....X..X.",),
            "shaker": ("x.o.x.o.x.o.x.o.", "xoxoxoxoxoxoxoxo"),
            "low_conga": ("......?.......?.",),
        },
    ),
    "tribal": Style(
        (96, 132),
        chords=("X-------..x-....", "X--x---...X-x---"),
        bass=("r-------r---....", "r-....r-r-....f-"),
        drums={
            "kick": ("X.....x.X.......", "X..x..X..x..X..."),
            "low_tom": ("x..x..x.x..x....", "..xx....x.x...x."),
            "high_tom": ("....x......x.xx.", "....x.x.....x..x"),
            "low_conga": ("..x..x....x..x..",),
            "shaker": ("xoxoxoxoxoxoxoxo",),
        },
    ),
    "half_time": Style(
        (112, 148),
        chords=("X-----------x---", "X-------x-------", "X---x-----x-----"),
        bass=("r-------r-----f-", "r-----r-....r-.."),
        drums={
            "kick": ("X.....x....x....", "X..x..........x."),
            "snare": ("........X.......", "........X......o"),
            "hat": ("x.o.x.o.x.o.x.o.", "x...x...x...x..."),
        },
        ghosts=0.04,
    ),
    "shuffle": Style(
        (92, 152),
        chords=("X--..xx--..x", "X-....x-x...", "..x..x..x..x"),
        bass=("r--t--f--o--", "r-rr-rf-fo-o", "r--r--r--f--"),
        drums={
            "kick": ("X.....x.....", "X....xX....."),
            "snare": ("...X.....X..", "...X..o..X.o"),
            "hat": ("x.xx.xx.xx.x", "x..x..x..x.."),
        },
        steps_per_beat=3,
        ghosts=0.05,
        lead=_TWELVE_LEAD,
    ),
    "swing": Style(
        (116, 172),
        chords=("X....x......", "..x...x--...", "X-...xx-...."),
        bass=("r--t--f--o--", "r--f--o--t--"),
        drums={
            "ride": ("x..x.xx..x.x",),
            "hat": ("...x.....x..",),
            "kick": ("x..o..o..o..", "x.....?....."),
            "snare": ("..?..o.....?", ".....?..o..?"),
        },
        steps_per_beat=3,
        ghosts=0.05,
        lead=_TWELVE_LEAD,
    ),
    "waltz": Style(
        (96, 164),
        chords=("....x-..x-..", "X---x---x---", "X-------x---"),
        bass=("r-----------", "r-------f---", "r---f---o---"),
        drums={
            "kick": ("X...........", "X.....?....."),
            "snare": ("....x...x...", "........X..."),
            "hat": ("x.o.x.o.x.o.", "x...x...x..."),
        },
        beats_per_bar=3,
        lead=_TWELVE_LEAD,
    ),
    "six_eight": Style(
        (70, 92),  # dotted crotchets: two to the bar, six steps each
        chords=("X-----x-x---", "X---x-X---x-", "X-----X-----"),
        bass=("r-----f-----", "r---r-f---r-"),
        drums={
            "kick": ("X.....o...x.", "X.......x..."),
            "snare": ("......X.....",),
            "hat": ("x.o.o.x.o.o.", "xoxoxoxoxoxo"),
        },
        beats_per_bar=2,
        steps_per_beat=6,
        ghosts=0.03,
        lead=_TWELVE_LEAD,
    ),
    "five_four": Style(
        (108, 152),
        chords=("X-----x-----x-------", "X--x--x-..X-----x---"),
        bass=("r-----r-----f---o---", "r---..r-..r---f---.."),
        drums={
            "kick": ("X.....X.....X.......", "X.........X.......x."),
            "snare": ("....X...........X...", "........X.......X..."),
            "ride": ("x...x...x...x...x...", "x.o.x.o.x.o.x.o.x.o."),
        },
        beats_per_bar=5,
        lead=("x.x.x.x.x.x.x.x.x.x.", "x...x.....x...x....."),
    ),
}

CHORD_STYLES = {
    "held": Style(
        (70, 96),
        chords=("X---------------", "X-------------------------------"),
        bass=("r---------------",),
        lead=("x...x...x...x...", "x-------x---x---"),
    ),
    "halves": Style(
        (70, 104),
        chords=("X-------x-------", "X-----------x---"),
        bass=("r---------------", "r-------f-------"),
    ),
    "ballad": Style(
        (70, 92),
        chords=("X---x---x---x---", "X-----x-x---x---", "X---x---....x---"),
        bass=("r-----------f---", "r-----r-f-------"),
        swing=(0.0, 0.15),
        swung_steps=2,
    ),
    "broken": Style(
        (72, 104),
        chords=("X---------------", "X-------x-------"),
        bass=("r-------f-------",),
        lead=("x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx", "x.xxx.xxx.xxx.xx"),
    ),
    "pulse": Style(
        (74, 112),
        chords=("X-x-x-x-X-x-x-x-", "X-..x-..x-..x-x-", "..x-..x-..x-..x-"),
        bass=("r-------r-------", "r-----------f-o-"),
        lead=("x...x...x...x...", "x..x..x.x..x..x."),
    ),
    "slow_waltz": Style(
        (72, 116),
        chords=("X-----------", "X-------x---"),
        bass=("r-----------",),
        beats_per_bar=3,
        lead=_TWELVE_LEAD,
    ),
    "swells": Style(
        (70, 86),
        chords=("X-----------....", "X-------------------------......"),
        bass=("r-------------..",),
        lead=("x.......x...x...",),
    ),
}
