"""A slip in the settings is named: file, key and why."""

from pathlib import Path

import pytest

from xborder.settings import SettingsError, load


def test_the_file_then_the_variables_then_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xborder.toml").write_text('app_status = "1"\nlists_per_manifest = 10\n')
    monkeypatch.setenv("XBORDER_LISTS_PER_MANIFEST", "20")
    made = load(tmp_path, held_share_warning=0.5)
    assert (made.app_status, made.lists_per_manifest, made.held_share_warning) == ("1", 20, 0.5)
    assert made.home == tmp_path
    assert made.key.parent == tmp_path.parent, "the key lies outside the home"


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("list_per_manifest = 5", "list_per_manifest"),
        ('cutoff_times = ["25:00"]', "cutoff_times"),
        ('app_status = "3"', "app_status"),
        ("cutoff_times = [", "xborder.toml"),
    ],
)
def test_a_slip_is_named_with_its_file(tmp_path: Path, written: str, named: str) -> None:
    (tmp_path / "xborder.toml").write_text(written)
    with pytest.raises(SettingsError) as raised:
        load(tmp_path)
    assert named in str(raised.value) and "xborder.toml" in str(raised.value)
