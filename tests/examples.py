"""How many examples a property test draws: what it asks for, or fewer under a hurried profile."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

PROFILE_VARIABLE: Final = "CRASHBENCH_TEST_PROFILE"
"""Names the hypothesis profile that the tests run under."""
EVERYDAY: Final = "crashbench"
MUTATION: Final = "mutation"
"""Few examples, always the same ones: a mutant is to die or to live twice alike."""

# A failure can be repeated elsewhere. How long an example takes says how busy the machine is.
settings.register_profile(EVERYDAY, print_blob=True, deadline=None)
settings.register_profile(MUTATION, max_examples=50, derandomize=True, database=None, deadline=None)


def examples(wanted: int) -> int:
    """`wanted`, save under the profile `mutation`, which draws no more than it says."""
    if settings.get_current_profile_name() != MUTATION:
        return wanted
    return min(wanted, settings.get_profile(MUTATION).max_examples)
