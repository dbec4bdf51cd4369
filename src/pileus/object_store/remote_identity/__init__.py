"""Identity asked over HTTP, for proxies that do not run in a cloud's process: who holds a token, whose an access key is.

It is asked as the service that the configuration names; without one a token asks about itself, and nobody has access keys.
Who cannot be asked lets nobody in.
"""

# SPDX-License-Identifier: Apache-2.0
