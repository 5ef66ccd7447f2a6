"""What every page handler works with."""

from dataclasses import dataclass

from xborder.portal.limits import Limits
from xborder.portal.profiles import Profiles
from xborder.registry.home import Home


@dataclass(frozen=True)
class Portal:
    """The home, its profiles, the port under which the page is reached, and the limits."""

    home: Home
    profiles: Profiles
    port: int
    limits: Limits
