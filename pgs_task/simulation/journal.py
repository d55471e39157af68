"""What a simulation has played and seen, line by line in a file as it happens: who goes on after a kill knows it all.

A line is a JSON list that begins with its kind. Lines are handed to the system one by one, so that a process that is
killed leaves all but its last one; half a line at the end is dropped.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pgs_task.shoppers.measurements import Measurements
from pgs_task.simulation.findings import Findings
from pgs_web.plays.stories import EarlierRound


@dataclass(kw_only=True)
class Journal(Findings):
    """Findings, answers and steps of a run, over all of its sessions; without a file only of this one."""

    run: str
    done: set[int] = field(default_factory=set)
    # Steps that are rounds.
    begun: set[int] = field(default_factory=set)
    # Step → the round that it plays.
    rounds: dict[int, EarlierRound] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    measurements: Measurements = field(default_factory=Measurements)
    # Of sessions that are over.
    seconds: float = 0.0
    _last: float = 0.0
    _file: IO[str] | None = None
    _opened: float = field(default_factory=time.monotonic)

    def note(self, game: str, outcome: str, about: str) -> bool:
        is_fresh = super().note(game, outcome, about)
        if is_fresh:
            self._write("note", game, outcome, about)
        return is_fresh

    def complain(self, text: str) -> None:
        super().complain(text)
        self._write("wrong", text)

    def begin_step(self, step: int) -> None:
        """A round is played, perhaps once more."""
        if step not in self.begun:
            self.begun.add(step)
            self._write("begun", step)

    def keep_round(self, step: int, round_id: str, member_id: str) -> None:
        """The step plays this round, which the member started."""
        self.rounds[step] = EarlierRound(round_id=round_id, member_id=member_id)
        self._write("round", step, round_id, member_id)

    def finish_step(self, step: int) -> None:
        """Nothing more is played of it."""
        self.done.add(step)
        self._write("done", step, round(time.monotonic() - self._opened, 1))

    def note_paid(self, member_id: str) -> None:
        """The member is no new one any more."""
        if member_id not in self.paid:
            self.paid.add(member_id)
            self._write("paid", member_id)

    def record(self, call: str, *, code: str, seconds: float) -> None:
        """A request was answered; see JournaledMeasurements."""
        self._write("call", call, code, round(seconds, 5))

    def elapsed(self) -> float:
        """Seconds of all sessions."""
        return self.seconds + time.monotonic() - self._opened

    def close(self) -> None:
        """What is found from now on is of this report only."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def take_up(self, path: Path) -> None:
        """Reads what earlier sessions of the run left in the file, and goes on writing behind it.

        Another run's file is begun anew.
        """
        read: dict[str, Callable[..., object]] = {
            "run": lambda _run: None,
            "session": self._end_session,
            "note": super().note,
            "wrong": super().complain,
            "begun": self.begun.add,
            "round": lambda step, *names: self.rounds.update({step: EarlierRound(*names)}),
            "done": self._learn_done,
            "paid": self.paid.add,
            "call": lambda call, code, seconds: self.measurements.record(call, code=code, seconds=seconds),
        }
        known = 0
        with path.open("a+b") as file:
            file.seek(0)
            for line in file:
                if not line.endswith(b"\n") or (known == 0 and json.loads(line) != ["run", self.run]):
                    break
                kind, *values = json.loads(line)
                read[kind](*values)
                known += len(line)
            file.truncate(known)
        self._end_session()
        self._file = path.open("a", buffering=1)
        if not known:
            self._write("run", self.run)
        self._write("session")
        self.measurements = JournaledMeasurements(self, self.measurements)
        self._opened = time.monotonic()

    def _end_session(self) -> None:
        self.seconds += self._last
        self._last = 0.0

    def _learn_done(self, step: int, seconds: float) -> None:
        self.done.add(step)
        self._last = seconds

    def _write(self, *line: Any) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


class JournaledMeasurements(Measurements):
    """Measurements of all sessions, each new one in the journal too."""

    def __init__(self, journal: Journal, earlier: Measurements) -> None:
        super().__init__(seconds=earlier.seconds, codes=earlier.codes)
        self._journal = journal

    def record(self, call: str, *, code: str, seconds: float) -> None:
        super().record(call, code=code, seconds=seconds)
        self._journal.record(call, code=code, seconds=seconds)
