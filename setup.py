"""What pyproject.toml cannot say: that the shipped scenarios travel inside a package.

They stay in the checkout's top folder, where people look for them; `orchestrator.paths` knows both
places. Every folder is a package here, so that its files come along as package data.
"""

from setuptools import find_namespace_packages, setup

OURS = ["orchestrator*", "worker_child*", "analysis*"]
NO_SOURCES = ["*.__pycache__", "*.node_modules", "*.node_modules.*"]
SCENARIOS = "orchestrator.shipped_scenarios"
FOLDERS_OF_SCENARIOS = find_namespace_packages("scenarios", exclude=["__pycache__"])

setup(
    packages=[
        *find_namespace_packages(include=OURS, exclude=NO_SOURCES),
        SCENARIOS,
        *(f"{SCENARIOS}.{folder}" for folder in FOLDERS_OF_SCENARIOS),
    ],
    package_dir={SCENARIOS: "scenarios"},
)
