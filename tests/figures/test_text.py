"""What people call their classes, layers and folders is drawn as it is written, whatever the characters."""

import warnings

import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.text import Text

from drillcore.figures.catalogue import figures
from drillcore.figures.style import applied, canvas, letters, plain, save, wrap
from drillcore.figures.widths import bottleneck, read_point

MARK = "Qz"
"""Every name of the tests holds it, so that a drawn name is found."""
NAMES = [
    "$x_1^2$",
    r"Ba$$in\$",
    "_hidden",
    "a & b <i>",
    "50 %{y}",
    r"\frac{1}{",
    "#1",
    "猫と고양이",
    "=1+1",
    "-a,b",
    "/fc1/Gemm",
    "..",
    "a%2Fb",
]


@pytest.fixture
def drawn(network):
    """All figures of a network whose classes, layers, tensors and source are called NAMES."""
    names = [f"{MARK}{name}{MARK}" for name in NAMES]
    widths = dict.fromkeys(names, 3)
    tensors = {f"{name}.weight": 12 for name in names}
    folder = network("net", widths, classes=names, tensors=tensors, build="my.py:make", epochs=(0, 1), dead=names[:1])
    with applied(50):
        yield {name: draw() for name, draw in figures(folder, "study")}


def named(figure):
    """The texts of a figure that hold a name."""
    return [text for text in figure.findobj(Text) if MARK in text.get_text()]


def test_no_name_is_taken_for_a_formula(drawn):
    seen = set()
    for figure in drawn.values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.draw_without_rendering()
        for text in named(figure):
            literal, formula = text._preprocess_math(text.get_text())
            assert formula is False
            seen |= {name for name in NAMES if f"{MARK}{name}{MARK}" in literal}
            assert any(f"{MARK}{name}{MARK}" in literal for name in NAMES) or "\n" in literal
    assert seen == set(NAMES)


def test_every_class_and_layer_is_in_the_legend_under_its_own_name(drawn):
    names = [f"{MARK}{name}{MARK}" for name in NAMES]
    for name in ("model_tsne_layers", "f_svd_analysis"):
        (legend,) = [axes.get_legend() for axes in drawn[name].axes if axes.get_legend()]
        literal = [text._preprocess_math(text.get_text())[0].removesuffix(": undefined") for text in legend.get_texts()]
        assert literal == names
        assert all(text.get_visible() for text in legend.get_texts())


@pytest.mark.parametrize("text", ["Ba$$in", "$x$", "$", r"\$", r"a\$b$c", "no markup", ""])
def test_plain_text_is_drawn_as_it_is(text):
    with applied(50):
        figure = canvas(3, 1, "what", "where", layout=None)
        assert figure.text(0, 0, plain(text))._preprocess_math(plain(text)) == (text, False)


def test_a_source_with_dollars_is_saved(tmp_path):
    with applied(50):
        save(
            canvas(4, 1, "100 $ and 200 $", "$\\frac{$", layout=None),
            tmp_path / "figure",
            "folder /home/$USER/$x_$",
            pdf=True,
        )
    assert {path.name for path in tmp_path.iterdir()} == {"figure.png", "figure.pdf"}


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_chinese_japanese_and_korean_have_glyphs_and_latin_stays_as_it_was(tmp_path, weight, caplog):
    def picture(text, **style):
        with applied(80), warnings.catch_warnings():
            warnings.simplefilter("error")  # matplotlib warns of what no font has
            figure = canvas(3, 1, "what", "where", layout=None)
            figure.text(0.1, 0.3, text, weight=weight, **style)
            save(figure, tmp_path / "figure", "source", pdf=True)
        return [(tmp_path / f"figure.{kind}").read_bytes() for kind in ("png", "pdf")]

    png, pdf = picture("猫 简体 繁體 ねこ カタカナ 고양이")
    assert b"NotoSansCJKjp" in pdf
    assert picture("貓 简体 繁體 ねこ カタカナ 고양이")[0] != png
    assert picture("cat, 1e-7 ≤ äß") == picture("cat, 1e-7 ≤ äß", family="DejaVu Sans")
    assert not caplog.records


def test_the_fallback_is_there_for_figures_in_bold_too():
    for weight in ("normal", "bold"):
        assert "NotoSansCJK" in findfont(FontProperties(family="Noto Sans CJK JP", weight=weight))


def test_wide_characters_take_two_letters():
    assert letters("cat") == 3
    assert letters("猫と고양이") == 10
    assert max(map(len, wrap("猫" * 60, 4, 8.5))) <= 4 / (8.5 * 0.0088) / 2 + 1


def test_the_widths_draw_names_literally(network):
    folder = network("net", {"layer1": 3, "squeeze2": 2, "layer2": 3, "output": 2}, epochs=(0, 1))
    one, other = (read_point(folder)._replace(title=title) for title in ("a$$b$", "$c$"))
    with applied(50):
        figure = bottleneck({"one": one}, {"other": other})
        figure.draw_without_rendering()
    drawn = [text._preprocess_math(text.get_text()) for text in figure.findobj(Text)]
    assert any("a$$b$" in text for text, _ in drawn)
    assert ("$c$", False) in drawn
