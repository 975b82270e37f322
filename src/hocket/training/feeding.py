"""The batches of a run: which examples they hold follows from the step alone, whatever the processes and workers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hocket.data.excerpts import Example, PairDataset, SongReader
from hocket.data.library import Library
from hocket.errors import AudioError, ConfigError, DataError, HocketError
from hocket.settings import RunConfig
from hocket.training.runtime import WORKER_DIED, Processes

# Validation examples must not be training examples under another name.
VALIDATION_SEED_OFFSET = 1_000_003
MOST_VALIDATED_AT_ONCE = 8

Batch = dict[str, Tensor]


class Feeder:
    """Reads, for this process, its parts of every batch."""

    def __init__(self, config: RunConfig, library: Library, processes: Processes, *, with_real: bool) -> None:
        self.config, self.library, self.processes = config, library, processes
        self._with_real = with_real
        self._reader = SongReader(
            [*library.training, *library.validation],
            sample_rate=config.codec.sample_rate,
            # Every worker holds its own.
            cache_megabytes=config.data.cache_megabytes // max(1, config.data.num_workers),
        )
        self.num_parts = config.training.accumulation_steps
        shares = processes.size * self.num_parts
        if config.data.batch_size % shares:
            raise ConfigError(
                f"batch_size is {config.data.batch_size}, which {processes.size} processes of {self.num_parts} "
                f"accumulation steps cannot share: give a multiple of {shares}."
            )
        self.part_size = config.data.batch_size // shares

    def examples(self, batch: int) -> range:
        """Numbers of the examples of a batch that are this process's, its parts one after the other."""
        share = self.part_size * self.num_parts
        first = batch * self.config.data.batch_size + self.processes.rank * share
        return range(first, first + share)

    def batches(self, first: int, last: int) -> Iterator[list[Batch]]:
        """This process's parts of the batches from `first` up to `last`.

        Raises:
            AudioError: a recording cannot be read any more.
            DataError: one is silent wherever it is looked at, or a worker died.
        """
        loader = _loader(
            self._training_set(last),
            self.part_size,
            sampler=_Order(self, range(first, last)),
            num_workers=self.config.data.num_workers,
            worker_init_fn=_leave_signals_to_the_trainer,
        )
        parts = iter(loader)
        for _ in range(first, last):
            try:
                batch = [next(parts) for _ in range(self.num_parts)]
            except (EOFError, OSError) as error:
                # A worker that died in the middle of handing over a batch.
                raise worker_died() from error
            yield batch

    def names(self, batch: int) -> list[str]:
        """Origins of this process's examples of a batch, for messages."""
        dataset = self._training_set(batch + 1)
        return [_words(dataset.describe(index)) for index in self.examples(batch)]

    def validation_batches(self) -> list[tuple[int, Batch]]:
        """This process's validation batches with their numbers; how many processes there are changes none of them."""
        dataset, size = self._validation_set(), len(self.validation_examples(0))
        num_batches = -(-len(dataset) // size)
        mine = range(self.processes.rank, num_batches, self.processes.size)
        order = [index for number in mine for index in self.validation_examples(number)]
        return list(zip(mine, _loader(dataset, size, sampler=order), strict=True))

    def validation_examples(self, batch: int) -> range:
        """Numbers of the examples of a validation batch."""
        data = self.config.data
        size = min(data.batch_size, MOST_VALIDATED_AT_ONCE)
        return range(batch * size, min((batch + 1) * size, data.num_validation_examples))

    def validation_places(self, num_examples: int) -> list[Example]:
        """Origins of the first validation examples."""
        dataset = self._validation_set()
        return [dataset.describe(number) for number in range(min(num_examples, len(dataset)))]

    def _validation_set(self) -> PairDataset:
        data = self.config.data
        return PairDataset(
            self._reader,
            self.library.validation,
            self.library.validation_pairs,
            num_examples=data.num_validation_examples,
            excerpt_seconds=data.excerpt_seconds,
            seed=self.config.training.seed + VALIDATION_SEED_OFFSET,
            pairing=data.pairing,
        )

    def _training_set(self, num_batches: int) -> PairDataset:
        data = self.config.data
        return PairDataset(
            self._reader,
            self.library.training,
            self.library.training_pairs,
            num_examples=num_batches * data.batch_size,
            excerpt_seconds=data.excerpt_seconds,
            seed=self.config.training.seed,
            max_speed_change=data.max_speed_change,
            pairing=data.pairing,
            with_real=self._with_real,
        )


class _Order:
    """The numbers of a process's examples, batch after batch, without a list of millions."""

    def __init__(self, feeder: Feeder, batches: range) -> None:
        self.feeder, self.batches = feeder, batches

    def __iter__(self) -> Iterator[int]:
        for batch in self.batches:
            yield from self.feeder.examples(batch)

    def __len__(self) -> int:
        return len(self.batches) * self.feeder.part_size * self.feeder.num_parts


def _leave_signals_to_the_trainer(_: int) -> None:
    """A reading process is ended by its parent; signals to the whole group are the parent's to understand."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _words(place: Example) -> str:
    return (
        f"{place.input} at {place.input_start_seconds:.2f} s and "
        f"{place.target} at {place.target_start_seconds:.2f} s"
    )


def _loader(dataset: PairDataset, batch_size: int, **options: object) -> DataLoader[Batch]:
    # With a generator of its own it leaves torch's alone, whose state is part of the checkpoint.
    return DataLoader(dataset, batch_size=batch_size, generator=torch.Generator(), **options)  # type: ignore[arg-type]


@contextmanager
def reading_faults() -> Iterator[None]:
    """Gives what happens in the loader's workers its own sentence again.

    Around all that runs while there are workers: torch tells of a dead one by an exception anywhere in the main thread.
    """
    try:
        yield
    except HocketError as error:
        lines = str(error).strip().splitlines()
        if len(lines) == 1:
            raise
        # A worker's error comes with its traceback; the last line has the sentence behind the error's name.
        kind = AudioError if isinstance(error, AudioError) else DataError
        raise kind(lines[-1].partition("Error: ")[2] or lines[-1]) from error
    except RuntimeError as error:
        if WORKER_DIED not in str(error):
            raise
        raise worker_died() from error


def worker_died() -> DataError:
    """Error for a reading process that is gone."""
    return DataError(
        "a process that reads recordings died (killed, or out of memory): lower --num-workers or "
        "--cache-megabytes; then run the same command again to continue."
    )
