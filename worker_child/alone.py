"""Runs a module of `worker_child` in a Python that has a library's packages and none of ours.

``python -I ALONE -m MODULE WORDS...``, as ``python -m`` would. The folder that holds our package
may hold a whole environment: were it in the path, a library would get our packages for its own.
"""

from __future__ import annotations

import runpy
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def main() -> None:
    """Make this file's folder known as the package that it is, then run what was asked for."""
    folder = Path(__file__).resolve().parent
    spec = spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[folder.name] = module_from_spec(spec)
    spec.loader.exec_module(package)
    assert sys.argv[1] == "-m", "called as its text says"
    module = sys.argv[2]
    del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
