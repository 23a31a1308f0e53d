import bz2
import gzip
import lzma
import random
import sys
import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest

from otlib.data.batches import draw, length_batches, tfidf_weights
from otlib.data.files import read_lines, read_table, read_text
from otlib.data.text import (
    GoldPair,
    ParallelText,
    read_gold,
    read_parallel,
    read_prepared,
    sample,
    split_heldout,
    word_tokenizer,
    write_gold,
)


def write(path, *lines, encoding="utf-8"):
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    return path


# Reading


def test_every_format_gives_the_same_pairs(tmp_path):
    """Moses pair, bars, TSV with columns in any order, CSV with quotes, each also compressed."""
    sides = [("Das ist gut .", "That is good ."), ('Er sagt " ja , sicher "', 'He says " yes , sure "')]
    files = [
        (write(tmp_path / "x.de", *(a for a, _ in sides)), write(tmp_path / "x.en", *(b for _, b in sides))),
        write(tmp_path / "x.txt", *(f"{a} ||| {b}" for a, b in sides)),
        write(tmp_path / "x.tsv", "source\ten\tde", *(f"s\t{b}\t{a}" for a, b in sides)),
        write(
            tmp_path / "x.csv",
            "de,en",
            *('"{}","{}"'.format(*(t.replace('"', '""') for t in p)) for p in sides),
        ),
    ]
    for suffix, opener in ((".xz", lzma.open), (".gz", gzip.open)):
        files.append(tmp_path / f"x.tsv{suffix}")
        with opener(files[-1], "wb") as file:
            file.write((tmp_path / "x.tsv").read_bytes())
    for path in files:
        text = read_parallel(path, "de")
        assert (text.source, text.pivot) == ([a.split() for a, _ in sides], [b.split() for _, b in sides])
        assert text.counts["kept"] == len(text) == 2


def test_what_is_dropped_is_counted(tmp_path):
    """No silent drop: the counts add up to the pairs read, blank lines among them."""
    path = write(tmp_path / "x.tsv", "de\ten", "a\tb", "", "\tb", "a\t ", "a\tb", "a a a\tb", "a a a a\tb b", "c\tb")
    text = read_parallel(path, "de", max_words=3, max_ratio=2)
    expected = {"read": 8, "empty_side": 3, "too_long": 1, "bad_ratio": 1, "duplicate": 1, "kept": 2}
    assert text.counts == expected
    assert text.source == [["a"], ["c"]]


def test_empty_lines_of_a_pair_of_files_keep_the_rest_in_step(tmp_path):
    """Dropping an empty line on one side only would shift every pair after it."""
    text = read_parallel((write(tmp_path / "a", "1", "", "3"), write(tmp_path / "b", "one", "two", "three")), "de")
    assert list(zip(text.source, text.pivot, strict=True)) == [(["1"], ["one"]), (["3"], ["three"])]
    assert text.counts["empty_side"] == 1


def test_files_of_unequal_length_are_refused(tmp_path):
    """Sentence pairs would be shifted from some line on, and nothing would show it."""
    pair = (write(tmp_path / "x.de", "a", "b"), write(tmp_path / "x.en", "a"))
    with pytest.raises(ValueError, match=r"x\.de has 2 lines but .*x\.en has 1"):
        read_parallel(pair, "de")


OTHERS = [
    ("de\ten\n".encode("utf-16"), "UTF-16, not UTF-8; convert the file: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff" + "de\ten\n".encode("utf-16-be"), "UTF-16, not UTF-8"),
    ("de\ten\n".encode("utf-32"), "UTF-32, not UTF-8; convert the file: iconv -f UTF-32"),
    ("de\ten\n".encode("utf-16-le"), "not text, or UTF-16 without its mark"),
    ("日\n本\n".encode("utf-16-le"), "not text, or UTF-16 without its mark"),  # no zero in its first line
    (gzip.compress(b"de\ten\n", mtime=0), "compressed by gzip; let the name end in .gz"),
    (lzma.compress(b"de\ten\n"), "compressed by xz; let the name end in .xz"),
    (bz2.compress(b"de\ten\n"), "compressed by bzip2; let the name end in .bz2"),
    (b"PK\x03\x04\x14\x00\x00\x00", "a zip archive; unpack it"),
    (b"\n  <!DOCTYPE html>\n<title>404</title>\n", "a page of HTML or XML"),
    (b"\xef\xbb\xbf<html lang='en'>\n", "a page of HTML or XML"),
    (b"<?xml version='1.0'?>\n<tmx/>\n", "a page of HTML or XML"),
    (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "a pointer of Git LFS"),
    (b"\x7fELF\x02\x01\x01\x00\n", "not text"),
]


@pytest.mark.parametrize(("content", "said"), OTHERS)
def test_a_file_that_holds_something_else_is_called_what_it_is(tmp_path, content, said):
    """Two saved error pages are as long as each other; converted from Latin-1, UTF-16 or an archive is rubbish."""
    for name in ("x.de", "x.tsv"):
        (tmp_path / name).write_bytes(content)
    for path in ((tmp_path / "x.de", tmp_path / "x.de"), tmp_path / "x.tsv")[: 1 if content[:1] == b"\n" else 2]:
        with pytest.raises(ValueError, match=rf"x\.(de|tsv), line [12]: this is {said}"):
            read_parallel(path, "de")


def test_lines_that_end_in_carriage_returns_alone_are_named(tmp_path):
    """All of the text would be one line, the header of a table or a pair too long; in JSON they are blanks."""
    (tmp_path / "x.tsv").write_bytes(b"de\ten\ra\tb\rc\td\r")
    with pytest.raises(ValueError, match=r"x\.tsv, line 1: a carriage return within it.* tr '\\r' '\\n'"):
        read_parallel(tmp_path / "x.tsv", "de")
    with pytest.raises(ValueError, match=r"x\.tsv, line 1: a carriage return within it"):
        read_parallel((tmp_path / "x.tsv", tmp_path / "x.tsv"), "de")
    assert read_text(tmp_path / "x.tsv") == "de\ten\ra\tb\rc\td"
    (tmp_path / "x.tsv").write_bytes(b"de\ten\r\na\tb\r\n")
    assert read_parallel(tmp_path / "x.tsv", "de").source == [["a"]]


def test_wrong_encoding_names_file_and_line(tmp_path):
    """Latin-1 text must not become replacement characters."""
    path = write(tmp_path / "x.tsv", "de\ten", "gut\tgood", "schön\tnice", encoding="latin-1")
    with pytest.raises(ValueError, match=r"x\.tsv, line 3: not UTF-8 \(byte 0xf6\); convert"):
        read_parallel(path, "de")


def test_damaged_archive_names_file(tmp_path):
    """A download that broke off must not pass for a shorter corpus."""
    whole = lzma.compress("\n".join(f"line {i}" for i in range(9999)).encode())
    (tmp_path / "x.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"x\.xz, after line \d+: damaged"):
        list(read_lines(tmp_path / "x.xz"))


PACK = {"xz": lzma.compress, "gz": gzip.compress, "bz2": bz2.compress}


@pytest.mark.parametrize("suffix", PACK)
def test_streams_and_their_padding_are_read_to_the_end(tmp_path, suffix):
    """The format of xz allows zeros between and after streams; Python's reader calls them damaged or stops there."""
    path, (one, two) = tmp_path / f"x.{suffix}", map(PACK[suffix], (b"one\ntw", b"o\nthree\n"))
    digits = random.Random(0).randbytes(1_100_000).hex()  # which stay more than is read at once
    large = PACK[suffix]("".join(f"{digits[i : i + 100]}\n" for i in range(0, len(digits), 100)).encode())
    for content in (one + two, one + bytes(4) + two + bytes(8), one + bytes(3_000_000) + two, one + two + bytes(512)):
        path.write_bytes(content)
        assert list(read_lines(path)) == ["one", "two", "three"]
    path.write_bytes(large + bytes(4) + one)
    assert sum(1 for _ in read_lines(path)) == 22_002


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("rest", ["garbage", "half", "nothing"])
def test_what_is_no_stream_is_not_left_out(tmp_path, suffix, rest):
    """Python's readers of xz and bzip2 end at a header that they do not know, as if that were all."""
    path, packed = tmp_path / f"x.{suffix}", PACK[suffix](b"one\n")
    path.write_bytes(
        {"garbage": packed + b"garbage", "half": packed + packed[: len(packed) // 2], "nothing": b""}[rest]
    )
    with pytest.raises(ValueError, match=f"x.{suffix}, after line [01]: damaged .{suffix} file"):
        list(read_lines(path))


def test_names_in_capitals_say_the_same(tmp_path):
    """Files of other systems: X.TSV.GZ was read as lines with bars, and its bytes as text."""
    for name, pack in (("X.TSV", bytes), ("X.TSV.GZ", gzip.compress), ("X.Tsv.Xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack(b"de\ten\na b\tc\n"))
        assert read_parallel(tmp_path / name, "de").source == [["a", "b"]]
    (tmp_path / "X.CSV").write_bytes(b'de,en\n"a, b",c\n')
    assert read_parallel(tmp_path / "X.CSV", "de").source == [["a,", "b"]]


def test_lines_end_at_line_feeds_only(tmp_path):
    """A line separator inside a sentence, or a byte order mark, must not shift the lines."""
    (tmp_path / "x").write_bytes("\ufeffa\u2028b\r\nc\x85d\n".encode())
    assert list(read_lines(tmp_path / "x")) == ["a\u2028b", "c\x85d"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["de\ten\tde", "a\tb\tc"], "two columns are named 'de': its first line reads de, en, de; rename one"),
        (["de\ten\tx\tx", "a\tb\tc\td"], "two columns are named 'x'"),
        (["x" * 9999, "a\tb"], "has no column 'de': its first line reads x{200}$"),
        (["de\tfr", "a\tb"], "has no column 'en': its first line reads de, fr"),
        (["de\ten", "a\tb", "a b"], "line 3: 1 fields where the header has 2"),
        (["de\ten", "\tb"], "no sentence pair is left .*empty_side 1"),
        ([], "has no column 'de'"),
    ],
)
def test_faulty_tables_are_refused(tmp_path, lines, message):
    """One sentence with file and line."""
    with pytest.raises(ValueError, match=rf"x\.tsv.*{message}"):
        read_parallel(write(tmp_path / "x.tsv", *lines), "de")


def test_missing_bar_and_missing_file_are_refused(tmp_path):
    """One sentence with file and line."""
    with pytest.raises(ValueError, match=r"x\.txt, line 2: expected one '\|\|\|'"):
        read_parallel(write(tmp_path / "x.txt", "a ||| b", "a b"), "de")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.tsv is not there"):
        read_parallel(tmp_path / "nowhere.tsv", "de")


def test_table_lines_are_counted_through_quoted_fields(tmp_path):
    """A quoted field may span lines; the number given is that of the row's last line."""
    path = write(tmp_path / "x.csv", "a,b", '1,"x', 'y"', "2,z")
    assert list(read_table(path, ("a",))) == [(3, {"a": "1", "b": "x\ny"}), (4, {"a": "2", "b": "z"})]


# Words


@pytest.mark.parametrize(
    ("kind", "language", "sentence", "words"),
    [
        ("moses", "fr", "L'homme n'a pas « faim ».", "L' homme n' a pas « faim » ."),
        ("moses", "en", "It isn't Tom & Co's.", "It isn 't Tom & Co 's ."),
        ("whitespace", "de", " a  b. ", "a b."),
    ],
)
def test_words_are_split_as_the_language_wants(kind, language, sentence, words):
    """Elisions and clitics differ by language; no HTML escapes in the words."""
    assert word_tokenizer(kind, language)(sentence) == words.split()


@pytest.mark.parametrize(
    ("language", "sentence", "words"),
    [
        # letters and marks, composed or not; some have no composed form
        ("vi", unicodedata.normalize("NFD", "Việt Nam,"), ["Vi\u1ec7t", "Nam", ","]),
        ("ko", unicodedata.normalize("NFD", "한국."), ["\ud55c\uad6d", "."]),
        (
            "yo",
            "\u1ecc\u0301j\u1ecd\u0301 (\u1eb9\u0300k\u1ecd\u0301)",
            ["\u1ecc\u0301j\u1ecd\u0301", "(", "\u1eb9\u0300k\u1ecd\u0301", ")"],
        ),
        ("ru", "все\u0301ми!", ["все\u0301ми", "!"]),
        ("sa", "\u0915\u0943\u1cda", ["\u0915\u0943\u1cda"]),
        # joiners stay inside words, where they are spelling, and nowhere else
        ("hi", "स्\u200dथान।", ["स्\u200dथान", "।"]),
        ("fa", "(می\u200cخواهم\u200c) \u200c و\u200d", ["(", "می\u200cخواهم", ")", "و"]),
        ("ml", "അവന്\u200d, അവന്\u200d", ["അവന്\u200d", ",", "അവന്\u200d"]),  # n without a vowel
        # characters that only lay out are dropped, also where they stand alone
        ("ar", "\u200fمرحبا\u200e \u061cبك\u202c \u2067", ["مرحبا", "بك"]),
        ("de", "\ufeffDonau\u00addampf\u2060schiff", ["Donaudampfschiff"]),
        ("en", "one\u200btwo \u200b three", ["one", "two", "three"]),
        ("en", "one \ufe0f \u3164\u115f two\ufff9\x07 \x07", ["one", "two"]),
        # variation selectors and emoji
        ("en", "葛\U000e0100 I❤\ufe0fyou", ["葛\U000e0100", "I", "❤\ufe0f", "you"]),
        ("en", "👨\u200d👩\u200d👧👍🏽!", ["👨\u200d👩\u200d👧", "👍🏽", "!"]),
        ("en", "🇩🇪🇫🇷 at 1\ufe0f\u20e32\u20e3", ["🇩🇪", "🇫🇷", "at", "1\ufe0f\u20e3", "2\u20e3"]),
        (
            "en",
            "🏴\U000e0067\U000e0062\U000e007f🏳\ufe0f\u200d🌈",
            ["🏴\U000e0067\U000e0062\U000e007f", "🏳\ufe0f\u200d🌈"],
        ),
    ],
)
def test_no_word_is_split_at_what_has_no_width(language, sentence, words):
    """Moses made words of marks, joiners and direction marks, and parted what they join; alike for words it split."""
    assert word_tokenizer("moses", language)(sentence) == words
    assert word_tokenizer("whitespace", language)(" ".join(words)) == words


@pytest.mark.parametrize("sentence", ["\u200fمرحبا\u200e \u2067", "\ufeffمر\u00adحبا", "\u200cمرحبا\u200c"])
def test_words_between_blanks_are_rid_of_layout(sentence):
    """Equal words must be equal strings; a direction mark alone is no word."""
    assert word_tokenizer("whitespace", "ar")(sentence) == ["مرحبا"]
    assert word_tokenizer("whitespace", "vi")(unicodedata.normalize("NFD", "Việt")) == ["Vi\u1ec7t"]


def test_language_that_nothing_splits_is_warned_of():
    """A whole Burmese sentence would count as one word."""
    with pytest.warns(UserWarning, match="Moses splits my at blanks only"):
        word_tokenizer("moses", "my")
    with pytest.raises(ValueError, match="words must be whitespace or moses, got 'bpe'"):
        word_tokenizer("bpe", "de")


def test_languages_without_blanks_are_segmented_and_moses_splits_what_is_ascii(monkeypatch):
    """Stubs cut at bars: a Thai word keeps its tone marks, which Moses would part, and no blank is a word."""
    seen = []

    def segment(sentence, engine="newmm"):
        seen.append((sentence, engine))
        return sentence.split("|")

    jieba = SimpleNamespace(lcut=segment, setLogLevel=lambda level: None)
    thai = SimpleNamespace(word_tokenize=segment)
    monkeypatch.setitem(sys.modules, "jieba", jieba)
    monkeypatch.setitem(sys.modules, "pythainlp", SimpleNamespace(tokenize=thai))
    monkeypatch.setitem(sys.modules, "pythainlp.tokenize", thai)
    words = word_tokenizer("moses", "th")("ให้|น้ำ| |(WADA).|\u3000 |\u201d")
    assert words == ["ให้", "น้ำ", "(", "WADA", ")", ".", "\u201d"]
    assert word_tokenizer("moses", "zh")("机构| |(WADA)|3.5|％|。") == ["机构", "(", "WADA", ")", "3.5", "％", "。"]
    assert seen == [("ให้|น้ำ| |(WADA).| |\u201d", "newmm"), ("机构| |(WADA)|3.5|％|。", "newmm")]


def test_a_segmenter_parts_no_emoji_and_no_mark(monkeypatch):
    """Jieba cuts what it does not know into characters; newmm leaves marks that no rule of spelling allows."""
    thai = SimpleNamespace(word_tokenize=lambda sentence, engine: ["ไทร", *sentence])
    jieba = SimpleNamespace(lcut=list, setLogLevel=lambda level: None)
    monkeypatch.setitem(sys.modules, "jieba", jieba)
    monkeypatch.setitem(sys.modules, "pythainlp", SimpleNamespace(tokenize=thai))
    monkeypatch.setitem(sys.modules, "pythainlp.tokenize", thai)
    emoji = ["👨\u200d👩", "👍🏽", "🇩🇪", "🇫🇷", "❤\ufe0f"]
    assert word_tokenizer("moses", "zh")(f"我\ufeff{''.join(emoji)}葛\U000e0100") == ["我", *emoji, "葛\U000e0100"]
    assert word_tokenizer("moses", "th")("\u0e4c.\u200b") == ["ไทร\u0e4c", "."]


@pytest.mark.parametrize(("language", "package"), [("zh", "jieba"), ("th", "pythainlp")])
def test_a_segmenter_that_is_not_installed_is_named(monkeypatch, language, package):
    """They are optional: everything else works without them, and whitespace needs none."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"splits {language} by the package {package}.*pip install"):
        word_tokenizer("moses", language)
    assert word_tokenizer("whitespace", language)("a b") == ["a", "b"]


# Sampling


def text_of(n):
    return ParallelText("de", [[f"s{i}"] for i in range(n)], [[f"p{i}"] for i in range(n)], {"read": n})


def test_sample_without_replacement():
    """A smaller corpus is taken whole."""
    few = sample(text_of(10), 4, seed=0)
    assert len({words[0] for words in few.source}) == 4
    assert few.counts == {"read": 10, "sampled": 4}
    whole = sample(text_of(10), 25, seed=0)
    assert sorted(whole.source) == text_of(10).source != whole.source and whole.counts["sampled"] == 10
    assert all(a[0][1:] == b[0][1:] for a, b in zip(whole.source, whole.pivot, strict=True))
    assert sample(text_of(10), 4, seed=0) == few != sample(text_of(10), 4, seed=1)


def test_heldout_pairs_share_no_sentence_with_the_rest():
    """The same English sentence with another translation would leak the held-out one."""
    text = ParallelText("de", [[f"s{i}"] for i in range(30)], [[f"p{i // 3}"] for i in range(30)])
    rest, heldout = split_heldout(text, 4, seed=0)
    assert len(heldout) == 4
    assert not {p[0] for p in rest.pivot} & {p[0] for p in heldout.pivot}
    assert rest.counts["overlap"] + rest.counts["heldout"] + len(rest) == 30
    assert rest.counts["overlap"] >= 4
    with pytest.raises(ValueError, match="cannot hold out 30 of 30"):
        split_heldout(text, 30, seed=0)


# Batches


def test_drawing_goes_through_everything_before_repeating():
    """Epochs: no index is drawn a third time before all are drawn twice."""
    drawn = draw(7, 17, np.random.default_rng(0))
    assert len(drawn) == 17
    for start in (0, 7):
        assert sorted(drawn[start : start + 7]) == list(range(7))
    assert len(draw(7, 0, np.random.default_rng(0))) == 0


def test_batches_hold_what_was_drawn_at_similar_lengths():
    """Bucketing must neither lose nor repeat an example, and must save padding."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 60, 1000)
    drawn = draw(1000, 1000, rng)
    batches = length_batches(drawn, lengths, batch_size=10, seed=0)
    assert {len(batch) for batch in batches} == {10}
    assert sorted(np.concatenate(batches)) == list(range(1000))

    def padding(batches):
        return sum(lengths[b].max() * len(b) - lengths[b].sum() for b in batches)

    assert padding(batches) < 0.1 * padding(drawn.reshape(-1, 10))
    means = [lengths[b].mean() for b in batches]
    assert means != sorted(means)


def test_batches_of_two_corpora_have_similar_ranks_of_length():
    """One encoder call holds all languages of a step, so their batches should be long at the same time."""
    one, two = (np.random.default_rng(i).integers(3, 60, 600) for i in (0, 1))
    first, second = (length_batches(np.arange(600), x, batch_size=10, seed=3) for x in (one, two))
    means = [[x[b].mean() for b in batches] for x, batches in ((one, first), (two, second))]
    assert np.corrcoef(means)[0, 1] > 0.95


# Gold alignments

HEADER = "en\tother\tsure\tpossible"


def test_possible_links_include_the_sure_ones(tmp_path):
    """Och and Ney (2003): AER needs the sure links among the possible ones."""
    (pair,) = read_gold(write(tmp_path / "g.tsv", HEADER, "the dog\tder Hund\t0-0 1-1\t0-1"))
    assert pair.source == ["der", "Hund"] and pair.pivot == ["the", "dog"]
    assert pair.sure == {(0, 0), (1, 1)}
    assert pair.possible == {(0, 0), (1, 1), (1, 0)}


def test_links_go_from_source_to_pivot_and_back_into_the_same_file(tmp_path):
    """The file names English first; a side taken for the other would go unseen where sentences are equally long."""
    row = "the apple juice\tApfelsaft\t1-0 2-0\t0-0"
    path = write(tmp_path / "g.tsv", HEADER, row, "a b\tx y z\t1-0 0-2\t1-1")
    pairs = read_gold(path)
    assert pairs[0] == GoldPair(["Apfelsaft"], row.split("\t")[0].split(), {(0, 1), (0, 2)}, {(0, 0), (0, 1), (0, 2)})
    assert pairs[1].sure == {(0, 1), (2, 0)}
    write_gold(tmp_path / "again.tsv", pairs)
    lines = (tmp_path / "again.tsv").read_text().splitlines()
    assert lines == [HEADER, row, "a b\tx y z\t0-2 1-0\t1-1"]  # links by their place in English


BLANKS = ["\u00a0", "\u3000", "\u2003", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f"]


@pytest.mark.parametrize("blank", BLANKS)
def test_words_of_gold_alignments_are_parted_by_blanks_only(tmp_path, blank):
    """Split at a no-break space within a number, every link after it would be of the word before."""
    row = f"10{blank}000 {blank} red  houses\t1{blank}000 maisons\t0-0 3-1\t"
    (pair,) = read_gold(write(tmp_path / "g.tsv", HEADER, row))
    assert pair.pivot == [f"10{blank}000", blank, "red", "houses"] and pair.source == [f"1{blank}000", "maisons"]
    assert pair.sure == {(0, 0), (1, 3)}
    write_gold(tmp_path / "again.tsv", [pair])
    assert read_gold(tmp_path / "again.tsv") == [pair]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a b\tx\t0-1\t", r"line 3: link 0-1 is out of range: English has words 0-1, the other side 0-0"),
        ("a b\tx\t\t2-0", r"line 3: link 2-0 is out of range"),
        ("a b\tx\t0:0\t", r"line 3: '0:0' is not a link"),
        ("a b\tx\t-1-0\t", r"line 3: '-1-0' is not a link"),
        ("a b\t\t\t", r"line 3: a side is empty"),
    ],
)
def test_faulty_links_are_refused(tmp_path, row, message):
    """A link that points outside its sentence means that the words are split in another way."""
    with pytest.raises(ValueError, match=rf"g\.tsv, {message}"):
        read_gold(write(tmp_path / "g.tsv", HEADER, "a\tx\t0-0\t", row))


def test_empty_gold_file_is_refused(tmp_path):
    """An error rate over no sentence would be a division by zero."""
    with pytest.raises(ValueError, match="holds no sentence pair"):
        read_gold(write(tmp_path / "g.tsv", HEADER))
    with pytest.raises(ValueError, match="g.tsv holds no sure link"):
        read_gold(write(tmp_path / "g.tsv", HEADER, "a\tx\t\t0-0"))


def test_tfidf_weights_by_hand():
    """Salton and Buckley (1988), smoothed; case is ignored, and a sentence without words has no weights."""
    sentences = [["The", "cat", "the", "dog"], ["the", "cat"], ["bird"], []]
    weights = [*tfidf_weights(sentences)]
    the, cat, dog = (np.log(5 / (1 + found)) + 1 for found in (2, 2, 1))
    np.testing.assert_allclose(weights[0], np.array([the, cat, the, dog]) / (2 * the + cat + dog))
    assert weights[2].tolist() == [1.0] and weights[3].size == 0


@pytest.mark.parametrize("name", ["text.gz", "text.xz", "text.bz2"])
def test_what_is_no_archive_is_named(tmp_path, name):
    """Plain text under a name that says compressed, and an archive with a byte changed in the middle."""
    path = tmp_path / name
    path.write_bytes(b"plain text\n" * 50)
    with pytest.raises(ValueError, match=f"{name}, after line 0: damaged"):
        list(read_lines(path))
    lines = "".join(f"{i} {i * 7919 % 1013}\n" for i in range(3000)).encode()
    packed = bytearray({"gz": gzip, "xz": lzma, "bz2": bz2}[path.suffix[1:]].compress(lines))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="damaged|not UTF-8"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.gz", lzma.compress(b"a\n"), "compressed by xz; let the name end in .xz"),
        ("x.XZ", gzip.compress(b"a\n", mtime=0), "compressed by gzip; let the name end in .gz"),
        ("x.xz", b"version https://git-lfs.github.com/spec/v1\noid 1\n", "a pointer of Git LFS"),
        ("x.bz2", b"<!DOCTYPE html>\n<title>404</title>\n", "a page of HTML or XML"),
    ],
)
def test_something_else_under_a_name_that_says_compressed_is_called_what_it_is(tmp_path, name, content, said):
    """Called damaged, it would be fetched again the same way."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: this is {said}"):
        list(read_lines(tmp_path / name))


def test_a_quote_that_is_not_closed_is_named_and_loses_nothing(tmp_path):
    """Read leniently, the rest of the file became one field."""
    path = tmp_path / "pairs.csv"
    path.write_text('de,en\na,b\nc,"d\ne,f\n')
    with pytest.raises(ValueError, match="pairs.csv, line 4: .*is a quote not closed"):
        read_parallel(path, "de")


def test_a_csv_without_its_column_is_named(tmp_path):
    """One sentence with the columns that there are."""
    path = tmp_path / "pairs.csv"
    path.write_text("de,fr\na,b\n")
    with pytest.raises(ValueError, match="pairs.csv has no column 'en': its first line reads de, fr"):
        read_parallel(path, "de")


def test_a_table_that_was_prepared_is_read_as_it_was_written(tmp_path):
    """Its own study has set the limits: a longer sentence than usual, or a lopsided pair, is not dropped again."""
    path = write(tmp_path / "de-en.train.tsv", "de\ten", " ".join("a" * 120) + "\tb", "c\td", "c\td")
    text = read_prepared(path, "de")
    assert [len(words) for words in text.source] == [120, 1] and text.counts["duplicate"] == 1
