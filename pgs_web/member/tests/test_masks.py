import pytest

from pgs_web.member.masks import mask_detail, mask_name, mask_nickname, mask_phone


@pytest.mark.parametrize(
    ("mask", "shown", "expected"),
    [
        (mask_phone, "13800138000", "138****8000"),
        (mask_phone, "02188886666", "021****6666"),
        (mask_phone, "12345", "***45"),
        (mask_phone, "1", "*1"),
        (mask_phone, "", ""),
        (mask_phone, None, ""),
        (mask_name, "张三", "张*"),
        (mask_name, "欧阳小明", "欧***"),
        (mask_name, "Bartholomew", "B***"),
        (mask_name, "张", "张*"),
        (mask_name, "", ""),
        (mask_detail, "文三路90号", "文三路****"),
        (mask_detail, "文三路", "****"),
    ],
)
def test_masks(mask, shown, expected):
    assert mask(shown) == expected


@pytest.mark.parametrize(
    ("nickname", "expected"), [("小明", "小*"), ("王小明", "王*明"), ("a", "a*"), ("🎁🎀🎉", "🎁*🎉"), ("", "***42")]
)
def test_nicknames(nickname, expected):
    assert mask_nickname(nickname, 1042) == expected
