"""The graph that an operator sees in Dagster: the only room that knows Dagster.

One module a concern; each asset calls one function of a room below and reports what it did as
metadata. Logic does not belong here, and neither do personal data or secrets: metadata, tags,
run configuration and logs are shown to everybody who can open the page.
"""

import xborder

xborder.prepare_for_blocks()
