"""``python -m xborder.portal --home HOME``: the page alone, as ``xborder up`` starts it."""

import argparse
import logging
import sys
from pathlib import Path

from xborder.portal.server import NotLoopbackError, serve
from xborder.registry.home import NoHomeError, open_home


def main() -> int:
    """Serve a home's page until it is told to stop; exit 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m xborder.portal", description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        home = open_home(asked.home)
        port = home.settings.page_port if asked.port is None else asked.port
        serve(home, asked.host or home.settings.host, port)
    except (NoHomeError, NotLoopbackError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
