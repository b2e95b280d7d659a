"""What became of each frame: `frames = results + errors + drops`, at any moment."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tally:
    """Counts of a camera's run. Frozen and replaced as a whole, so each reader sees one moment."""

    frames: int = 0
    """That the camera gave, bad ones too, and of which it is known what became of them."""
    results: int = 0
    """Answered."""
    errors: int = 0
    """That could not be decoded or classified; each is told."""
    drops: int = 0
    """Passed over for a newer one, or lost with the process that held them."""
    restarts: int = 0
    """How often the camera had to be opened again."""

    def answered(self) -> Tally:
        """One more result."""
        return replace(self, frames=self.frames + 1, results=self.results + 1)

    def failed(self) -> Tally:
        """One more error."""
        return replace(self, frames=self.frames + 1, errors=self.errors + 1)

    def dropped(self, count: int) -> Tally:
        """So many more drops."""
        return replace(self, frames=self.frames + count, drops=self.drops + count)

    def restarted(self) -> Tally:
        """The camera is opened again."""
        return replace(self, restarts=self.restarts + 1)
