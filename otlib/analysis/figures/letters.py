"""Text in figures as it is written: no dollar begins a formula, and letters that DejaVu lacks have other fonts."""

import functools
import re
import unicodedata
import warnings
from pathlib import Path
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.font_manager import findfont, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

SHOWN = "\u200b"  # before a name that matplotlib would leave out of a legend; has no width, and is taken off again
UNSUITED = re.compile("bold|italic|oblique|light|thin|black|condensed|mono|color.?emoji|lastresort", re.IGNORECASE)
INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")  # Unicode's categories of controls, joiners and blanks
_told: WeakKeyDictionary = WeakKeyDictionary()  # figure: the scripts that its reader knows to be boxes


def as_written(draw):
    """Have a function that draws a figure write all text as it is given: nothing is mathematics.

    Letters that the text's font lacks come from an installed font; joined and right-to-left letters, as of Hindi and
    Arabic, stand as they should from matplotlib 3.11 on. A ``UserWarning`` names the scripts that no font has.
    """

    @functools.wraps(draw)
    def drawn(*arguments, ax: Axes | None = None, **named):
        before = {} if ax is None else {text: text.get_text() for text in ax.figure.findobj(Text)}
        result = draw(*arguments, **named) if ax is None else draw(*arguments, ax=ax, **named)
        figure = (result if isinstance(result, Axes) else result.flat[0]).figure
        texts = (text for text in figure.findobj(Text) if text.get_text() != before.get(text, ""))
        boxes = {_script(letter) for text in texts for letter in _write(text)}
        told = _told.setdefault(figure, set())
        if boxes - told:
            warnings.warn(
                f"drawn as boxes, for no installed font has them: {', '.join(sorted(boxes - told))}; install fonts, on "
                "Debian fonts-noto-core, fonts-noto-cjk (Chinese, Japanese, Korean) and fonts-symbola (emoji)",
                stacklevel=2,
            )
            told |= boxes
        return result

    return drawn


def in_legend(name: str) -> str:
    """A label that matplotlib does not leave out of a legend, even if it begins with an underscore."""
    return f"{SHOWN}{name}" if str(name)[:1] in ("", "_") else name


def _write(text: Text) -> list[str]:
    """Take what is on a text for plain letters, find their fonts, and return those that have none."""
    words = text.get_text()
    if words.startswith(SHOWN):
        text.set_text(words := words.removeprefix(SHOWN))
    if "$" in words and not words.startswith(r"$\mathdefault"):  # so begin numbers of a logarithmic axis
        text.set_parse_math(False)
    own = _letters(findfont(text.get_fontproperties()))
    lacking = {letter for letter in words if ord(letter) not in own and unicodedata.category(letter) not in INVISIBLE}
    others = {letter: _family(letter) for letter in sorted(lacking)}
    if found := [family for family in others.values() if family]:
        text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *found])))
    return [letter for letter, family in others.items() if family is None]


def _script(letter: str) -> str:
    """What a reader calls letters of this kind, by the first word of their Unicode names."""
    name = re.split("[ -]", unicodedata.name(letter, ""))[0]
    kinds = {"C": "characters without a name", "P": "punctuation", "S": "symbols and emoji"}
    return kinds.get(unicodedata.category(letter)[0], name if name == "CJK" else name.capitalize())


@functools.cache
def _family(letter: str) -> str | None:
    """The first installed font that has a letter, Noto Sans before others."""
    path = next((path for path in _installed() if ord(letter) in _letters(path)), None)
    if path is None:
        return None
    if all(entry.fname != path for entry in fontManager.ttflist):  # its list is as old as matplotlib's cache
        fontManager.addfont(path)
    return FT2Font(path).family_name


@functools.cache
def _installed() -> list[str]:
    paths = [path for path in findSystemFonts() if not UNSUITED.search(Path(path).name)]
    return sorted(paths, key=lambda path: ("NotoSans" not in path, path))


@functools.cache
def _letters(path: str) -> frozenset[int]:
    """Code points that a font can draw at any size; none if it cannot be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
