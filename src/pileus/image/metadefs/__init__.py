"""Metadata definitions: what properties, tags and objects of images, flavors, volumes … mean, and which values they take.

Resources: namespace, and in it property, object (properties that belong together), tag, and associations with resource types
(`OS::Nova::Flavor`). `definitions` says what callers and the shipped files may write, `model` what is stored, `shipped/` is
what a new cloud knows.

What must stay true: nothing of this decides what a server does with a property: clients read it to help their users; names
are unique in their namespace and compared exactly; what is in a protected namespace is not deleted.
"""

# SPDX-License-Identifier: Apache-2.0
