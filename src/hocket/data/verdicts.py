"""From what was seen to what is used: duplicates, groups, and sides of the split. No file is opened here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hocket.data.groups import group_by_music
from hocket.data.manifest import Manifest, Recording, Settings, Split
from hocket.data.scan import Look, Unread
from hocket.data.splits import divide
from hocket.data.walk import Place

SILENCE_DB = -80.0
GROUP_LETTERS = 12

Seen = tuple[Place, Look | Unread]


def judge(
    roots: Sequence[str],
    seen: Sequence[Seen],
    before: Manifest | None,
    by_content: Mapping[str, Look],
    settings: Settings,
    *,
    resplit: bool = False,
) -> tuple[Manifest, tuple[str, ...]]:
    """The new manifest, and sentences on what should be known about it.

    `before` is the manifest until now and `by_content` has the looks at what has gone since, so that a recording that
    returns, or its copy in another file, comes to the side on which it was.
    """
    if resplit:
        before = None
    recordings = _judged(seen, settings)
    gone = _gone(roots, recordings, before)
    usable = {recording.content: recording for recording in recordings if recording.status == "used"}
    known = {look.content: look for _, look in seen if isinstance(look, Look)}
    memory = {recording.content for recording, _ in gone if recording.content in by_content}
    looks = {content: known.get(content) or by_content[content] for content in sorted(usable.keys() | memory)}
    names = _group_names(looks, before)
    earlier: dict[str, Split] = {}
    if before is not None:
        earlier = {recording.content: recording.split for recording in before.recordings if recording.split}
    members: dict[str, set[str]] = {}
    for content, name in names.items():
        members.setdefault(name, set()).add(content)
    groups = {name: frozenset(contents) for name, contents in members.items() if contents & usable.keys()}
    division = divide(groups, earlier, settings)
    placed = [
        _placed(recording, names.get(recording.content, ""), division.sides) for recording in recordings
    ]
    all_roots = [*roots, *sorted({root for _, root in gone} - set(roots))]
    remembered = [
        replace(recording, root=all_roots.index(root), group=names.get(recording.content, recording.group))
        for recording, root in gone
    ]
    manifest = Manifest(tuple(all_roots), settings, (*placed, *remembered))
    return manifest, tuple(_notes(manifest, groups, division.merged))


def _judged(seen: Sequence[Seen], settings: Settings) -> list[Recording]:
    """Each recording for itself, but for copies byte by byte, of which the first is used."""
    firsts: dict[str, Place] = {}
    recordings = []
    for place, look in seen:
        if isinstance(look, Unread):
            recordings.append(
                Recording(place.root, place.name, "left out", "", "", look.reason, look.sentence)
            )
            continue
        reason, sentence = _fault(place.path, look, settings)
        if not reason and (first := firsts.setdefault(look.content, place)) is not place:
            reason = "duplicate"
            sentence = f"{place.path} is the same file as {first.path}: it is used once."
        recordings.append(_recording(place, look, reason, sentence))
    return recordings


def _fault(path: Path, look: Look, settings: Settings) -> tuple[str, str]:
    seconds = look.measures.duration_seconds
    if seconds < settings.minimum_seconds:
        least = f"{settings.minimum_seconds:g} s"
        return "too short", f"{path} is too short ({seconds:.3g} s): give recordings of at least {least}."
    if look.measures.loudest_db < SILENCE_DB:
        return "silent", f"{path} is nearly silent throughout: raise its level or leave it out."
    return "", ""


def _recording(place: Place, look: Look, reason: str, sentence: str) -> Recording:
    measures = look.measures
    return Recording(
        root=place.root,
        name=place.name,
        status="left out" if reason else "used",
        split="",
        group="",
        reason=reason,
        sentence=sentence,
        content=look.content,
        num_bytes=look.num_bytes,
        mtime_ns=look.mtime_ns,
        format=look.format,
        sample_rate=look.sample_rate,
        num_channels=look.num_channels,
        duration_seconds=measures.duration_seconds,
        rms_db=measures.rms_db,
        peak_db=measures.peak_db,
        tempo_bpm=measures.tempo_bpm,
        tempo_confidence=measures.tempo_confidence,
        percussiveness=measures.percussiveness,
        tonality=measures.tonality,
    )


def _gone(
    roots: Sequence[str], recordings: Sequence[Recording], before: Manifest | None
) -> list[tuple[Recording, str]]:
    """What had a side and is no longer there under any name, with its folder."""
    if before is None:
        return []
    present = {recording.content for recording in recordings}
    contents = {Path(roots[recording.root], recording.name): recording.content for recording in recordings}
    gone: dict[str, tuple[Recording, str]] = {}
    for recording in before.recordings:
        if not recording.split or recording.content in present:
            continue
        path, root = before.path_of(recording), before.roots[recording.root]
        if path in contents and not contents[path]:
            reason, sentence = "not read", f"{path} was used before and cannot be read now: it is not used."
        elif path in contents:
            reason, sentence = "changed", f"{path} has other contents now: they are looked at as a new file."
        elif root in roots:
            reason, sentence = "gone", f"{path} is no longer there: it is not used."
        else:
            reason, sentence = "not asked for", f"{path} is in none of the folders given now: it is not used."
        kept = replace(recording, status="gone", reason=reason, sentence=sentence)
        gone.setdefault(recording.content, (kept, root))
    return list(gone.values())


def _group_names(looks: Mapping[str, Look], before: Manifest | None) -> dict[str, str]:
    """By content: the group's name, which is the beginning of its smallest member's hash.

    Those of before, where nothing is new: comparing ten thousand songs takes minutes.
    """
    known = {recording.content: recording.group for recording in before.recordings} if before else {}
    if all(known.get(content) for content in looks):
        return {content: known[content] for content in looks}
    contents = sorted(looks)
    leaders = group_by_music([looks[content].fingerprint() for content in contents])
    return {
        content: contents[leader][:GROUP_LETTERS] for content, leader in zip(contents, leaders, strict=True)
    }


def _placed(recording: Recording, group: str, sides: Mapping[str, Split]) -> Recording:
    if recording.status == "used":
        return replace(recording, group=group, split=sides[group])
    return replace(recording, group=group)


def _notes(manifest: Manifest, groups: Mapping[str, frozenset[str]], merged: Iterable[str]) -> Iterable[str]:
    names: dict[str, list[str]] = {}
    for recording in manifest.used():
        names.setdefault(recording.group, []).append(str(manifest.path_of(recording)))
    for members in names.values():
        if len(members) > 1:
            yield f"the same music, kept on one side: {', '.join(members)}"
    for group in merged:
        side = next(recording.split for recording in manifest.used() if recording.group == group)
        yield f"known as the same music only now, and all in {side} from here on: {', '.join(names[group])}"
    if manifest.settings.validation_fraction > 0 and not manifest.used("validation"):
        yield (
            f"{len(groups)} songs are too few to hold some out, or all have been trained on: validation will use "
            "other excerpts of the same songs (--resplit divides them anew)"
        )
