"""Homes whose manifests are issued and shall be sent."""

from collections.abc import Sequence
from pathlib import Path

from manifest_samples import DAY, NOON, Rows, head_rows, home, opened

from xborder.clock import fixed
from xborder.manifests import cutoff
from xborder.registry.home import Home

PROFILE = """
id = "{id}"
name = "{id} 有限公司"
code = "{code}"
dxp_id = "DXPENT0000000001"

[[shops]]
id = "shopify-us"
channel = "shopify"
mode = "9610"
statistics_flag = "B"
customs_code = "6041"
port_code = "5349"
platform_code = "无"
platform_name = "Shopify"

[sending]
{sending}
"""


def profile(exporter: str, sending: str, code: str = "4414960XXX") -> str:
    """An exporter's profile with these lines on how its messages leave."""
    return PROFILE.format(id=exporter, code=code, sending=sending)


OUTBOX = 'transport = "outbox"'

HEADS = [
    *head_rows(5),
    *[row | {"orderNo": f"#3{n}", "order_no": f"#3{n}", "exporter": "xingning-gongju"}
      for n, row in enumerate(head_rows(2))],
]  # fmt: skip
"""Five lists of one exporter, two of another."""


def sending_home(
    folder: Path,
    sending: str = OUTBOX,
    heads: Rows = HEADS,
    exporters: Sequence[str] = ("dapu-ciyun", "xingning-gongju"),
    **changed: object,
) -> Home:
    """A home whose lists are issued, two a message; nothing is sent yet."""
    settings = home(folder, heads, **({"lists_per_message": 2} | changed))
    (folder / "exporters").mkdir()
    for name in exporters:
        text = profile(name, sending)
        (folder / "exporters" / f"{name}.toml").write_text(text, "utf-8")
    engine, store = opened(settings)
    made = Home(settings=settings, engine=engine, store=store)
    with fixed(NOON):
        cutoff.issue(
            engine, store, settings, DAY,
            sending={one.id: one.sending for one in made.exporters.values()},
        )  # fmt: skip
    return made


def outbox(place: Home, exporter: str = "dapu-ciyun") -> dict[str, bytes]:
    """What lies in an exporter's outbox, by name."""
    folder = place.settings.home / "outbox" / exporter
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.xml"))}
