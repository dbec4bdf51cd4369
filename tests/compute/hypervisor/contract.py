"""The contract of hypervisor drivers, as checks that a driver either passes or does not.

`CHECKS` is the list. Each check gets a `Host` of its own: an empty host, and what is needed to look behind the driver's
back. A driver's test module makes the `Host` and runs every check; nothing in here knows which driver it is.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.compute.hypervisor.checks.abilities import (
    a_guest_is_started_from_a_snapshot,
    a_password_needs_a_running_guest,
    a_rescue_outlives_the_agent,
    a_resize_is_confirmed_or_reverted,
    a_resize_outlives_the_agent,
    a_running_guest_can_be_interrupted,
    a_running_guest_shows_its_screen,
    a_running_guest_tells_how_it_is,
    a_snapshot_is_a_file_of_its_own,
    interfaces_come_and_go,
    rescue_boots_another_disk_and_comes_back,
)
from tests.compute.hypervisor.checks.host import (
    Host,
)
from tests.compute.hypervisor.checks.life import (
    a_config_drive_is_taken,
    a_failed_spawn_leaves_nothing,
    an_empty_host_is_empty,
    destroy_does_not_wait_for_a_guest_that_ignores_it,
    destroy_leaves_the_others,
    destroy_removes_everything,
    destroy_repeats,
    every_power_state_from_every_other,
    guests_outlive_the_agent,
    it_says_what_it_has,
    reboot_ends_in_running,
    spawn_makes_it_run,
    spawn_repeats,
    spawn_starts_what_was_stopped,
    spawn_twice_at_once_makes_one,
    strangers_are_not_found,
    the_console_can_be_read,
    what_was_destroyed_can_be_made_again,
)
from tests.compute.hypervisor.checks.moves import (
    a_guest_moves_while_it_runs,
    a_guest_moves_with_its_disks,
    a_live_migration_is_taken_back,
    agents_that_are_killed_lose_no_guest,
)

__all__ = ["CHECKS", "Host"]

CHECKS = [
    an_empty_host_is_empty,
    it_says_what_it_has,
    spawn_makes_it_run,
    spawn_repeats,
    spawn_twice_at_once_makes_one,
    spawn_starts_what_was_stopped,
    a_failed_spawn_leaves_nothing,
    destroy_removes_everything,
    destroy_repeats,
    destroy_leaves_the_others,
    destroy_does_not_wait_for_a_guest_that_ignores_it,
    what_was_destroyed_can_be_made_again,
    every_power_state_from_every_other,
    reboot_ends_in_running,
    strangers_are_not_found,
    guests_outlive_the_agent,
    the_console_can_be_read,
    a_config_drive_is_taken,
    interfaces_come_and_go,
    a_snapshot_is_a_file_of_its_own,
    a_guest_is_started_from_a_snapshot,
    rescue_boots_another_disk_and_comes_back,
    a_rescue_outlives_the_agent,
    a_resize_is_confirmed_or_reverted,
    a_resize_outlives_the_agent,
    a_guest_moves_with_its_disks,
    a_guest_moves_while_it_runs,
    a_live_migration_is_taken_back,
    agents_that_are_killed_lose_no_guest,
    a_running_guest_tells_how_it_is,
    a_running_guest_shows_its_screen,
    a_running_guest_can_be_interrupted,
    a_password_needs_a_running_guest,
]
