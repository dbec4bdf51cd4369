"""Clouds that are set up in another way, for the tests that Tempest leaves out of the usual one."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

IMAGES = "tempest.api.image.v2."


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is different: lines of the cloud's [image], and what Tempest is told about images. `tests` are beginnings of ids."""

    name: str
    tests: tuple[str, ...] = ()
    image: str = ""
    features: dict[str, str] = field(default_factory=dict)

    def settings(self, usual: str) -> str:
        """The cloud's configuration."""
        return usual.replace("[image]\n", "[image]\n" + self.image, 1)


#: Images are inspected, and bytes that are not what they are said to be are refused. The suite only leaves tests of lists out
#: when it is told so, since their images are random bytes: in the container that comes first nobody looks for an image.
USUAL = Variant(name="usual", features={"secure_hash": "true", "image_conversion": "false", "format_enforcement": "false"})
VARIANTS = [
    Variant(name="formats", tests=(IMAGES + "test_images_formats.",), image='import_plugins = ["image_conversion"]\n',
            features=USUAL.features | {"image_conversion": "true", "format_enforcement": "true"}),
    Variant(name="unhashed", image="do_secure_hash = false\n", features=USUAL.features | {"secure_hash": "false"},
            tests=tuple(IMAGES + f"test_images.{kind}.test_add_location_with_do_secure_hash_false"
                        for kind in ("LocationImportTest", "MultistoreLocationImportTest"))),
]


def shared_out(tests: Iterable[str]) -> list[tuple[Variant, list[str]]]:
    """Each cloud that is needed, with its tests; the usual one first."""
    found: dict[str, list[str]] = {}
    for test in tests:
        found.setdefault(_of(test).name, []).append(test)
    return [(variant, found[variant.name]) for variant in (USUAL, *VARIANTS) if variant.name in found]


def _of(test: str) -> Variant:
    return next((variant for variant in VARIANTS if test.startswith(variant.tests)), USUAL)
