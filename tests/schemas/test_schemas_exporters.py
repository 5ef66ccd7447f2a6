"""Profiles are taken whole with their defaults, or refused with every problem."""

import pytest

from xborder.schemas import ProfileError, exporters

PROFILE = """
id = "dapu-ciyun"
name = "大埔瓷韵陶瓷有限公司"
code = "4414960XXX"
dxp_id = "DXPENT0000000001"

[[shops]]
id = "shopify-us"
channel = "shopify"
mode = "9610"
statistics_flag = "B"
customs_code = "6041"
port_code = "5349"
loct_no = ""
platform_code = "无"
platform_name = "Shopify"
"""


@pytest.fixture
def profile(tmp_path):
    def write(text=PROFILE, name="dapu-ciyun"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def problems(path):
    with pytest.raises(ProfileError) as caught:
        exporters.load(path)
    return caught.value.problems


def test_what_is_not_said_defaults_to_the_exporter_itself(profile):
    one = exporters.load(profile())
    assert (one.producer_code, one.producer_name) == (one.code, one.name)
    (shop,) = one.shops
    assert (shop.agent_code, shop.agent_name) == (one.code, one.name)
    assert (shop.time_zone, shop.consolidate_by_name, shop.loct_no) == ("Asia/Shanghai", False, "")
    assert shop.platform_foreign is True
    assert one.shop("shopify-us") is shop and one.shop("x") is None
    assert one.shops_of("shopify") == (shop,) and one.shops_of("amazon") == ()


def test_what_is_said_stands(profile):
    text = PROFILE + 'agent_code = "4414960AAA"\nagent_name = "代理"\ntime_zone = "Asia/Dubai"\n'
    (shop,) = exporters.load(profile(text)).shops
    assert (shop.agent_code, shop.agent_name, shop.time_zone) == (
        "4414960AAA",
        "代理",
        "Asia/Dubai",
    )


def test_all_problems_are_listed_by_their_place(profile):
    text = PROFILE.replace('"9610"', '"0110"').replace('"6041"', '"604"').replace("dxp_id", "dxp")
    found = problems(profile(text))
    assert {one.partition(":")[0] for one in found} == {
        *("dxp", "dxp_id", "shops[0].mode", "shops[0].customs_code")
    }
    (mode,) = [one for one in found if one.startswith("shops[0].mode")]
    assert "0110" in mode and "9610" in mode and "CODE_UNKNOWN" in mode.en and "不在" in mode.zh
    assert "不在" not in mode.en


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("mode = \"9610\"", "mode = \"1210\""), "shops[0].iac_code"),
        (('platform_code = "无"', 'platform_code = "无"\nplatform_foreign = false'),
         "shops[0].platform_code"),
        (('platform_name = "Shopify"', 'platform_name = ""'), "shops[0].platform_name"),
        (('platform_name = "Shopify"', 'platform_name = 3'), "shops[0].platform_name"),
        (('platform_name = "Shopify"', 'platform_name = "S"\nagent_code = "4414960AAA"'),
         "shops[0].agent_name"),
        (('platform_name = "Shopify"', 'platform_name = "S"\ntime_zone = "Asia/Meizhou"'),
         "shops[0].time_zone"),
        (('id = "dapu-ciyun"', 'id = "Dapu"'), "id"),
        (('id = "dapu-ciyun"', 'id = "other-firm"'), "id"),
        (("code = \"4414960XXX\"", "code = \"441\""), "code"),
    ],
)  # fmt: skip
def test_a_problem_has_its_place(change, place, profile):
    found = problems(profile(PROFILE.replace(*change, 1)))
    assert place in {one.partition(":")[0] for one in found}


def test_a_shop_stands_once(profile):
    shop = PROFILE[PROFILE.index("[[shops]]") :]
    (told,) = problems(profile(PROFILE + shop))
    assert (told.zh, told.en) == (
        "shops[1].id: shopify-us 重复",
        "shops[1].id: shopify-us stands twice",
    )


def test_no_toml_and_no_shop(profile):
    assert "dapu-ciyun.toml" in problems(profile("id = "))[0]
    without = PROFILE[: PROFILE.index("[[shops]]")]
    assert problems(profile(without))[0].startswith("shops:")


def test_a_folder_is_taken_whole_or_not(profile, tmp_path):
    profile()
    assert list(exporters.load_all(tmp_path)) == ["dapu-ciyun"]
    profile("id = 1", "second")
    profile("x", "third")
    with pytest.raises(ProfileError) as caught:
        exporters.load_all(tmp_path)
    files = {one.partition(":")[0] for one in caught.value.problems}
    assert files == {"second.toml", "third.toml"}


SENDING = PROFILE + '[sending]\ntransport = "outbox"\ndocuments = ["505"]\n'


def test_without_a_transport_the_client_sends(profile):
    sending = exporters.load(profile()).sending
    assert (sending.transport, sending.documents) == ("none", ())


def test_how_messages_go_is_said_in_the_profile(profile):
    one = exporters.load(profile(SENDING))
    assert (one.sending.transport, one.sending.documents) == ("outbox", ("505",))
    assert one.sending.receiver_id == "DXPEDCCEB0000003"
    # Orders are checked against repr: the way of sending changes no verdict.
    assert repr(one) == repr(exporters.load(profile()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"outbox"', '"post"'), "sending.transport"),
        (('"outbox"', '"http"'), "sending.url"),
        (('"505"', '"603"'), "sending.documents"),
        (('"505"', '"507"'), "sending.operator_code"),
        (('"505"', '"403"'), "sending.payment_name"),
        (("transport", 'signing = "rsa-sha1"\ntransport'), "sending.key_file"),
    ],
)
def test_a_way_of_sending_that_cannot_be_is_refused(profile, change, told):
    assert any(one.startswith(told) for one in problems(profile(SENDING.replace(*change))))
