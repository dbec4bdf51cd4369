"""The little languages of extra specs and image properties."""

# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.compute.scheduler.operators import satisfies, version_satisfies


@pytest.mark.parametrize(("value", "wanted", "met"), [
    ("QEMU", "QEMU", True), ("QEMU", "s== QEMU", True), ("QEMU", "s== KVM", False), ("QEMU", "s!= KVM", True),
    ("b", "s> a", True), ("b", "s>= b", True), ("b", "s< b", False), ("b", "s<= b", True),
    ("5", "= 4", True), ("5", "= 6", False), ("5", "== 5.0", True), ("5", "!= 5", False), ("5", ">= 5", True), ("5", "<= 4", False),
    ("aes avx sse", "<in> avx", True), ("aes avx sse", "<in> vmx", False),
    ("aes avx sse", "<all-in> avx aes", True), ("aes avx sse", "<all-in> avx vmx", False),
    ("a", "<or> a <or> b", True), ("b", "<or> a <or> b", True), ("c", "<or> a <or> b", False), ("<or>", "<or> a <or> b", False),
    ("x", "s==", False), ("x", ">= 5", False), ("5", ">= x", False), ("> 5", "> 5", True), ("6", "> 5", False), ("", "", True),
    ("a", "<or>", False),
])
def test_satisfies(value, wanted, met):
    assert satisfies(value, wanted) is met


@pytest.mark.parametrize(("wanted", "met"), [
    (">=6.0", True), (">=7.2", True), (">7.2", False), (">=6.0,<7.2.1", True), (">=6.0, <7", False), ("==7.2.0", True),
    ("!=7.2.0", False), ("<=7.2.0.1", True), ("7.2", False), ("", False), (">=x", False),
])
def test_version_satisfies(wanted, met):
    assert version_satisfies(7002000, wanted) is met


@given(st.text(), st.text(alphabet="<>=!orinals-5. ", max_size=30))
def test_any_text_is_met_or_not(value, wanted):
    assert satisfies(value, wanted) in (True, False)
    assert version_satisfies(7002000, wanted) in (True, False)
