"""What the checks look things up in: profiles, tariff and code tables, with their versions."""

from dagster import AssetExecutionContext, DataVersion, MaterializeResult, MetadataValue, asset

from xborder import clock
from xborder.assets.resources import HomeResource

GROUP = "references"
OWNERS = ["team:platform"]


@asset(group_name=GROUP, owners=OWNERS, kinds={"toml"}, code_version="1")
def exporters(home: HomeResource) -> MaterializeResult:
    """Exporters' declaration profiles (企业档案): mode, flag, offices and agents per shop."""
    opened = home.open()
    profiles, broken = opened.exporters, opened.broken_profiles
    rows = "\n".join(
        f"| {one.id} | {one.name} | {shop.id} | {shop.mode} | {shop.customs_code} → {shop.port_code} |"
        for one in profiles.values()
        for shop in one.shops
    )
    return MaterializeResult(
        metadata={
            "exporters": len(profiles),
            "with_errors": ", ".join(broken) or "none",
            "shops": sum(len(one.shops) for one in profiles.values()),
            "profiles": MetadataValue.md(
                "| exporter | name | shop | mode | declares → leaves |\n|---|---|---|---|---|\n"
                + rows
            ),
        }
    )


@asset(group_name=GROUP, owners=OWNERS, kinds={"csv"}, code_version="1")
def tariff(context: AssetExecutionContext, home: HomeResource) -> MaterializeResult:
    """The tariff (税则) of today: codes, statutory units, conditions, and how sure each is."""
    tables = home.open().tables
    today = tables.tariff(clock.today())
    return MaterializeResult(
        metadata={
            "codes": today.height,
            "units_verified": int(today.get_column("unit_verified").sum()),
            "version": tables.version,
        },
        data_version=DataVersion(tables.version),
    )


@asset(group_name=GROUP, owners=OWNERS, kinds={"csv"}, code_version="1")
def code_tables(home: HomeResource) -> MaterializeResult:
    """Customs code tables, exchange rates and pilot zones (代码表), dated and checksummed."""
    tables = home.open().tables
    late = tables.out_of_date(clock.today())
    return MaterializeResult(
        metadata={
            "tables": MetadataValue.md("\n".join(f"* {name}" for name in tables.names)),
            "out_of_date": ", ".join(late) or "none",
            "version": tables.version,
        },
        data_version=DataVersion(tables.version),
    )
