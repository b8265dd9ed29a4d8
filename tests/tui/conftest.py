"""What the screens are tried on."""

from tests.screens import naps, told

__all__ = ["naps", "told"]
