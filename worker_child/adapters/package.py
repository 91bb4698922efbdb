"""Imports the parts of an adapter that is a folder somewhere, no package that Python would find.

Parent and child both do it: the one wants ``inbox``, the other ``worker``. The folder's modules
import each other relatively (``from .presets import PRESETS``).
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

_PREFIX = "crashbench_adapter_"


def import_part(adapter: str, part: str) -> ModuleType:
    """Import the module `part` of an adapter, given as a package's name or as its folder's path.

    A path has a slash in it. Raises ImportError.
    """
    package = _package_of(Path(adapter)) if "/" in adapter else adapter
    return import_module(f"{package}.{part}")


def _package_of(folder: Path) -> str:
    """Make the folder known as a package. Two folders of one name cannot both be."""
    folder = folder.resolve()
    name = _PREFIX + folder.name.replace("-", "_").replace(".", "_")
    known = sys.modules.get(name)
    if known is None:
        spec = ModuleSpec(name, loader=None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = module_from_spec(spec)
    elif list(known.__path__) != [str(folder)]:
        raise ImportError(f"{folder} and {known.__path__[0]} are adapters of the same folder name")
    return name
