"""Decides which scanned recordings are used: duplicates, groups, and the split. No file is opened here."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from hocket.data.fingerprints import group_by_music
from hocket.data.manifest import Manifest, Recording, Settings, Split
from hocket.data.scan import ScanError, ScanResult
from hocket.data.walk import Place

SILENCE_DB = -80.0
GROUP_LETTERS = 12

MIN_GROUPS, MIN_TRAINING, MIN_HELD_OUT = 6, 4, 2

Scanned = tuple[Place, ScanResult | ScanError]


def assign_splits(
    roots: Sequence[str],
    scanned: Sequence[Scanned],
    before: Manifest | None,
    by_content: Mapping[str, ScanResult],
    settings: Settings,
    *,
    resplit: bool = False,
    validated: Collection[Path] | None = None,
) -> tuple[Manifest, tuple[str, ...]]:
    """The new manifest, and sentences on what should be known about it.

    `before` is the manifest until now and `by_content` has the results of what has gone since, so that a recording that
    returns, or its copy in another file, comes to the side on which it was. `validated` are the files that a run
    without a manifest has validated on; it has trained on all others, or on all files where all are named.
    """
    if resplit:
        before = None
    recordings = _each_for_itself(scanned, settings)
    gone = _gone(roots, recordings, before)
    usable = {recording.content: recording for recording in recordings if recording.status == "used"}
    known = {result.content: result for _, result in scanned if isinstance(result, ScanResult)}
    memory = {recording.content for recording, _ in gone if recording.content in by_content}
    results = {
        content: known.get(content) or by_content[content] for content in sorted(usable.keys() | memory)
    }
    names = _group_names(results, before)
    earlier: dict[str, Split] = {}
    if before is not None:
        earlier = {recording.content: recording.split for recording in before.recordings if recording.split}
    elif validated is not None:
        earlier = _sides_of_a_run(scanned, usable, validated)
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
    return manifest, tuple(_notes(manifest, division.merged))


def _each_for_itself(scanned: Sequence[Scanned], settings: Settings) -> list[Recording]:
    """Each recording for itself, but for copies byte by byte, of which the first is used."""
    firsts: dict[str, Place] = {}
    recordings = []
    for place, result in scanned:
        if isinstance(result, ScanError):
            recordings.append(
                Recording(place.root, place.name, "left out", "", "", result.reason, result.sentence)
            )
            continue
        reason, sentence = _fault(place.path, result, settings)
        if not reason and (first := firsts.setdefault(result.content, place)) is not place:
            reason = "duplicate"
            sentence = f"{place.path} is the same file as {first.path}, so it is used only once."
        recordings.append(_recording(place, result, reason, sentence))
    return recordings


def _fault(path: Path, result: ScanResult, settings: Settings) -> tuple[str, str]:
    seconds = result.measures.duration_seconds
    if seconds < settings.minimum_seconds:
        least = f"{settings.minimum_seconds:g} s"
        return "too short", f"{path} is too short ({seconds:.3g} s): give recordings of at least {least}."
    if result.measures.loudest_db < SILENCE_DB:
        return "silent", f"{path} is nearly silent throughout: raise its level or leave it out."
    return "", ""


def _recording(place: Place, result: ScanResult, reason: str, sentence: str) -> Recording:
    facts = {**asdict(result), **asdict(result.measures)}
    known = {member.name: facts[member.name] for member in fields(Recording) if member.name in facts}
    return Recording(
        place.root, place.name, "left out" if reason else "used", "", "", reason, sentence, **known
    )


def _sides_of_a_run(
    scanned: Sequence[Scanned], usable: Mapping[str, Recording], validated: Collection[Path]
) -> dict[str, Split]:
    """The sides that a run without a manifest gave to contents."""
    held_out = {
        result.content
        for place, result in scanned
        if isinstance(result, ScanResult) and place.path.resolve() in validated
    }
    if len(usable.keys() - held_out) < MIN_TRAINING:
        # They were too few to hold some out, and the run validated on all of them.
        held_out = set()
    return {content: "validation" if content in held_out else "training" for content in usable}


def _gone(
    roots: Sequence[str], recordings: Sequence[Recording], before: Manifest | None
) -> list[tuple[Recording, str]]:
    """Recordings that had a side and are no longer there under any name, with their folders."""
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
            reason, sentence = "not read", f"{path} can no longer be read, so it is not used."
        elif path in contents:
            reason, sentence = "changed", f"{path} has changed, so it is treated as a new file."
        elif root in roots:
            reason, sentence = "gone", f"{path} no longer exists, so it is not used."
        else:
            reason, sentence = "not asked for", f"{path} is in none of the given folders, so it is not used."
        kept = replace(recording, status="gone", reason=reason, sentence=sentence)
        gone.setdefault(recording.content, (kept, root))
    return list(gone.values())


def _group_names(results: Mapping[str, ScanResult], before: Manifest | None) -> dict[str, str]:
    """By content: the group's name, which is the beginning of its smallest member's hash.

    Those of before, where nothing is new: comparing ten thousand songs takes minutes.
    """
    known = {recording.content: recording.group for recording in before.recordings} if before else {}
    if all(known.get(content) for content in results):
        return {content: known[content] for content in results}
    contents = sorted(results)
    leaders = group_by_music([results[content].fingerprint() for content in contents])
    return {
        content: contents[leader][:GROUP_LETTERS] for content, leader in zip(contents, leaders, strict=True)
    }


def _placed(recording: Recording, group: str, sides: Mapping[str, Split]) -> Recording:
    if recording.status == "used":
        return replace(recording, group=group, split=sides[group])
    return replace(recording, group=group)


def _notes(manifest: Manifest, merged: Iterable[str]) -> Iterable[str]:
    names: dict[str, list[str]] = {}
    for recording in manifest.used():
        names.setdefault(recording.group, []).append(str(manifest.path_of(recording)))
    for members in names.values():
        if len(members) > 1:
            yield f"the same music, kept in one split: {', '.join(members)}"
    for group in merged:
        side = next(recording.split for recording in manifest.used() if recording.group == group)
        yield f"newly recognised as the same music, and all in {side} from now on: {', '.join(names[group])}"


@dataclass(frozen=True)
class Division:
    """The side of each group, and the groups whose members had been on different sides until now."""

    sides: dict[str, Split]
    merged: tuple[str, ...]


def divide(
    groups: Mapping[str, frozenset[str]], earlier: Mapping[str, Split], settings: Settings
) -> Division:
    """Gives each group (its name and its members' content hashes) a side.

    A group of which a member was on a side stays there. Where its members were on several, because a new file showed
    them to be the same music, training wins, then validation: what was trained on is never validated on. A new group
    goes by a hash of the seed and of its smallest member, so that it does not matter what else there is. The exceptions
    are small collections: of fewer than six groups none is held out; at least four are trained on; and where fewer than
    two are left to validate (or to test) on, the new groups of the smallest hash go there.
    """
    sides: dict[str, Split] = {}
    merged: list[str] = []
    fresh: list[str] = []
    for name, members in groups.items():
        before = {earlier[member] for member in members if member in earlier}
        if not before:
            fresh.append(name)
            is_small = len(groups) < MIN_GROUPS
            sides[name] = "training" if is_small else _by_hash(_place(members, settings.seed), settings)
            continue
        for side in ("training", "validation", "test"):
            if side in before:
                sides[name] = side
                break
        if len(before) > 1:
            merged.append(name)
    # Those of the largest hash come back first.
    for name in sorted(fresh, key=lambda name: _place(groups[name], settings.seed), reverse=True):
        if list(sides.values()).count("training") >= min(MIN_TRAINING, len(groups)):
            break
        sides[name] = "training"
    _fill("validation", settings.validation_fraction, groups, fresh, sides, settings.seed)
    _fill("test", settings.test_fraction, groups, fresh, sides, settings.seed)
    return Division(sides, tuple(merged))


def _by_hash(place: float, settings: Settings) -> Split:
    if place < settings.validation_fraction:
        return "validation"
    return "test" if place < settings.validation_fraction + settings.test_fraction else "training"


def _place(members: frozenset[str], seed: int) -> float:
    """A number in [0, 1) that only the seed and the smallest member decide."""
    digest = hashlib.sha256(f"{seed} {min(members)}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _fill(
    side: Split,
    fraction: float,
    groups: Mapping[str, frozenset[str]],
    fresh: list[str],
    sides: dict[str, Split],
    seed: int,
) -> None:
    if fraction <= 0 or len(groups) < MIN_GROUPS:
        return
    spare = sorted(
        (name for name in fresh if sides[name] == "training"), key=lambda name: _place(groups[name], seed)
    )
    for name in spare:
        counts = list(sides.values())
        if counts.count(side) >= MIN_HELD_OUT or counts.count("training") <= MIN_TRAINING:
            return
        sides[name] = side
