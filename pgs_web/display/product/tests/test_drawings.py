"""The drawn pictures: enough of them, all different, well-formed, and harmless."""

from xml.etree import ElementTree as ET

import pytest

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.gallery import DRAWINGS_OF_CATEGORY, draw_picture

ALL = [(category, name) for category, drawings in DRAWINGS_OF_CATEGORY.items() for name in drawings]
TAGS = {"svg", "title", "defs", "g", "path", "rect", "circle", "ellipse", "text", "stop", "clipPath"}
TAGS |= {"linearGradient", "radialGradient"}


def test_there_are_enough_and_none_is_another_ones_twin():
    pictures = {draw_picture(category, name, title="x") for category, name in ALL}
    assert len(pictures) == len(ALL) >= 40


@pytest.mark.parametrize(("category", "name"), ALL)
def test_a_drawing_is_well_formed_and_loads_and_runs_nothing(category, name):
    text = draw_picture(category, name, title="Peaches & <cream>")
    assert len(text) < 20_000
    root = ET.fromstring(text)
    assert root.attrib["viewBox"] == "0 0 400 400"
    defined = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in TAGS
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on")
            assert "href" not in attribute
            if "url(" in value:
                assert value.removeprefix("url(#").removesuffix(")") in defined
            assert "nan" not in value.lower().split()
    assert root[0].text == "Peaches & <cream>"


def test_the_same_gradient_is_defined_once():
    canvas = Canvas("x")
    assert canvas.linear("#fff", "#000") == canvas.linear("#fff", "#000") != canvas.linear("#fff", "#001")
    assert canvas.svg().count("<linearGradient") == 2
