"""A look for the people in a strip. Nothing of Blender's in here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Look:
    """From the press of the button until they are found, or not."""

    scene: str
    """Name of the scene that holds the strip."""
    source: str
    """Id of the strip."""
    label: str
    """Its name."""
    path: str = ""
    """Of the file that shows it; empty: it must be rendered first."""
    start_s: float = 0.0
    end_s: float | None = None
    """Of the file; None: to its end."""

    @property
    def key(self) -> str:
        """Of its render."""
        return f"faces of {self.source}"
