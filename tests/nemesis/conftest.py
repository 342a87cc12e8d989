"""Makes the modules of this folder importable as `nemesis`: tests are no package."""

import sys
from pathlib import Path
from types import ModuleType

if "nemesis" not in sys.modules:
    package = ModuleType("nemesis")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["nemesis"] = package
