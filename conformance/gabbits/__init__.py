"""Placement's own functional tests ("gabbits": YAML files of requests and what must be answered) against our placement.

`python -m conformance.gabbits [FILE …]` fetches upstream's files with pip, runs them and says what fails. The files are
upstream's, and so are the classes that say what is there before a file begins; nothing of them is kept in the repository.
What stands here is the placement they meet: the service in this process, without the rest of a cloud, with callers who are
whoever their token says, as upstream's test authentication has it.
"""
# SPDX-License-Identifier: Apache-2.0
