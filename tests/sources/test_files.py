"""Reading files, folders and standard input: what comes out, and what each kind of fault gives."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.article import Rejection, Submission
from pipeline.sources import Located, is_article_file, read

LIMIT = 1_000_000
THREE = b'{"body":"one"}\n{"body":"two"}\n{"body":"three"}\n'


def located(*paths: str | Path, stdin: bytes = b"", limit: int = LIMIT) -> list[Located]:
    return list(read(paths, max_body_bytes=limit, stdin=io.BytesIO(stdin)))


def summary(found: list[Located]) -> list[str]:
    """The body of each article and the reason of each rejection."""
    return [f.value.body if isinstance(f.value, Submission) else f.value.reason for f in found]


def bodies(*paths: str | Path, stdin: bytes = b"") -> list[str]:
    return summary(located(*paths, stdin=stdin))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    def write(name: str, data: bytes | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


# What is read.


def test_a_text_file_is_one_article_of_all_its_text(write) -> None:
    path = write("a.txt", " date 2025-07-17 One.\n\nTwo.\n")

    assert located(path) == [
        Located(Submission(body=" date 2025-07-17 One.\n\nTwo.\n"), str(path), None)
    ]


def test_json_lines_are_an_article_each_and_know_their_line(write) -> None:
    path = write("a.jsonl", '{"body":"one","id":"1"}\n\n  \n{"body":"two","unknown":[{}]}')

    assert located(path) == [
        Located(Submission(body="one", id="1"), str(path), 1),
        Located(Submission(body="two"), str(path), 4),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"body": "one"}', ["one"]),
        ('[{"body":"one"},\n {"body":"two"}]', ["one", "two"]),
        ("[]", []),
    ],
)
def test_a_json_file_is_an_object_or_an_array_of_them(
    write, data: str, expected: list[str]
) -> None:
    assert bodies(write("a.json", data)) == expected


def test_all_fields_of_a_record_are_read(write) -> None:
    record = {
        "body": "b", "id": "i", "source": "s", "url": "u", "title": "t", "language": "en",
        "published_at": 1752710400, "metadata": {"a": [1, None]}, "withdrawn": True,
        "ingested_at": "2025-07-17T00:00:00Z",
    }  # fmt: skip
    (found,) = located(write("a.json", json.dumps(record)))

    assert isinstance(found.value, Submission)
    assert found.value.published_at == 1752710400
    assert found.value.metadata == {"a": [1, None]}
    assert found.value.ingested_at is not None
    assert found.value.withdrawn


def test_null_means_absent(write) -> None:
    record = dict.fromkeys(Submission.__struct_fields__) | {"body": "x"}

    assert located(write("a.json", json.dumps(record)))[0].value == Submission(body="x")


def test_csv_columns_are_fields_and_others_are_metadata(write) -> None:
    rows = 'ID,Body,published_at,sector,withdrawn,metadata\n1,one,1752710400,tech,yes,"{""a"":1}"\n'
    (found,) = located(write("a.csv", rows))

    assert found.value == Submission(
        id="1",
        body="one",
        published_at=1752710400,
        metadata={"a": 1, "sector": "tech"},
        withdrawn=True,
    )
    assert found.line == 2


def test_csv_bodies_may_have_lines_quotes_and_delimiters(write) -> None:
    body = 'He said: "one,\n\ntwo"\nthree;'
    text = io.StringIO()
    csv.writer(text).writerows([["title", "body"], ["a", body], ["b", "last"]])

    found = located(write("a.csv", text.getvalue()))

    assert summary(found) == [body.replace("\r\n", "\n"), "last"]
    assert [f.line for f in found] == [2, 6]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_csv_may_have_another_delimiter(write, delimiter: str) -> None:
    assert bodies(write("a.csv", f"id{delimiter}body\n1{delimiter}one, two\n")) == ["one, two"]


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl", "a.ndjson", "a.csv"])
@pytest.mark.parametrize(
    ("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)]
)
def test_every_format_may_be_compressed(write, name: str, ending: str, compress) -> None:
    data = {"a.txt": b"one", "a.csv": b"body\none\n"}.get(name, b'{"body":"one"}')

    assert bodies(write((name + ending).upper(), compress(data))) == ["one"]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_parts_in_a_row_are_one_file(write, compress) -> None:
    name = "a.jsonl.gz" if compress is gzip.compress else "a.jsonl.zst"
    data = compress(THREE[:20]) + compress(b"") + compress(THREE[20:])

    assert bodies(write(name, data)) == ["one", "two", "three"]


def test_zeros_after_the_gzip_data_are_padding(write) -> None:
    assert bodies(write("a.jsonl.gz", gzip.compress(THREE) + bytes(5000))) == [
        "one",
        "two",
        "three",
    ]


def test_a_folder_is_read_recursively_in_the_order_of_names(write, tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/b/c.txt", "c.txt", "a.txt"):
        write(name, name)

    assert bodies(tmp_path) == ["a/b/c.txt", "a/z.txt", "a.txt", "b.txt", "c.txt"]


def test_in_a_folder_what_is_no_article_is_passed_over(write, tmp_path: Path) -> None:
    for name in (
        ".hidden.txt",
        ".git/a.txt",
        "a.txt.tmp",
        "a.jsonl.part",
        "a.pdf",
        "README",
        "b.txt",
    ):
        write(name, name)
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert bodies(tmp_path) == ["b.txt"]


def test_a_folder_may_be_named_like_a_file(write, tmp_path: Path) -> None:
    write("x.txt/a.txt", "one")

    assert bodies(tmp_path / "x.txt") == ["one"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.txt", True), ("in/a.JSONL.GZ", True), ("a.csv.zst", True), (".a.txt", False),
     ("a.txt.tmp", False), ("a.json.part", False), ("a.gz", False), ("txt", False)],
)  # fmt: skip
def test_article_files_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_article_file(name) is expected
    assert is_article_file(Path(name)) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"body":"one"}\n{"body":"two"}\n', ["one", "two"]),
        (b'\n {"body":"one"}', ["one"]),
        (b'{\n  "body": "one"\n}\n', ["one"]),
        (b'[{"body":"one"}]', ["one"]),
        (b' [\n{"body":"one"}, {"body":"two"}]', ["one", "two"]),
        (b"Shares rose.", ["Shares rose."]),
        (b"[Update] Shares rose.", ["[Update] Shares rose."]),
        (b'\xef\xbb\xbf{"body":"one"}', ["one"]),
        ('{"body":"one"}\n{"body":"zwei"}'.encode("utf-16"), ["one", "zwei"]),
        (gzip.compress(b'{"body":"one"}', mtime=0), ["one"]),
        (zstandard.compress(b"one"), ["one"]),
    ],
)
def test_standard_input_is_known_by_its_beginning(data: bytes, expected: list[str]) -> None:
    assert bodies("-", stdin=data) == expected


def test_standard_input_is_read_as_it_comes() -> None:
    end, other_end = os.pipe()
    with os.fdopen(end, "rb") as stdin, os.fdopen(other_end, "wb", buffering=0) as producer:
        found = read(["-"], max_body_bytes=LIMIT, stdin=stdin)
        producer.write(b'{"body":"one"}\n')
        assert next(found).value == Submission(body="one")
        producer.write(b'{"body":"two"}\n')
        assert next(found).value == Submission(body="two")


# Encodings.


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json", "a.csv"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(write, name: str, encoding: str) -> None:
    body = "Zürich – 東京 😀"
    data = {"a.txt": body, "a.csv": f"body\n{body}\n"}.get(name, f'{{"body":"{body}"}}')

    assert bodies(write(name, data.encode(encoding))) == [body]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "It’s over — “fine” in Zürich"),
        ("latin-1", "L'économie française a progressé de façon inattendue au deuxième trimestre."),
        ("cp932", "東京株式市場は木曜日に上昇した。貿易交渉の進展への期待が高まっている。"),
        ("euc_jp", "東京株式市場は木曜日に上昇した。貿易交渉の進展への期待が高まっている。"),
        ("gb18030", "东京股市周四上涨，投资者期待贸易谈判取得进展。"),
        ("big5", "東京股市週四上漲，投資者期待貿易談判取得進展。"),
        ("cp949", "도쿄 증시는 목요일 상승했다. 무역 협상 진전에 대한 기대가 커지고 있다."),
        ("cp1251", "Акции выросли в четверг на фоне надежд на прогресс в переговорах."),
        ("cp1250", "Giełda w Warszawie wzrosła w czwartek, a inwestorzy czekają na postępy."),
        ("utf-16-le", "Shares rose in Tokyo on Friday."),
        ("utf-16-be", "Shares rose in Tokyo on Friday."),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_text_in_other_encodings_is_detected(write, name: str, encoding: str, text: str) -> None:
    body = text.replace(",", "")
    data = body if name == "a.txt" else f"body\n{body}\n"

    assert bodies(write(name, data.encode(encoding))) == [body]


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_what_is_no_text_is_undecodable(write, name: str) -> None:
    assert bodies(write(name, bytes(range(256)) * 20)) == ["undecodable"]


def test_a_wrong_byte_order_mark_is_undecodable(write) -> None:
    data = b"\xff\xfe" + b"\x00\xd8" * 9

    assert bodies(write("a.txt", data), write("a.jsonl", data)) == ["undecodable", "undecodable"]


def test_a_json_line_that_is_not_utf_8_is_rejected_alone(write) -> None:
    path = write("a.jsonl", b'{"body":"one"}\n{"body":"caf\xe9"}\n{"body":"three"}\n')

    found = located(path)

    assert summary(found) == ["one", "undecodable", "three"]
    assert str(found[1].value) == f"{path}:2: not UTF-8: byte 0xe9 at byte 13"


def test_a_row_in_another_encoding_than_the_rest_is_rejected_alone(write) -> None:
    data = "body\n" + "Zürich\n" * 20_000

    assert bodies(write("a.csv", data.encode() + b"caf\xe9\nlast\n"))[-2:] == [
        "undecodable",
        "last",
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lone_surrogates_are_replaced_everywhere(write, name: str) -> None:
    data = r'{"body":"a\ud800","id":"\udc00","metadata":{"\ud800":["\ud83d\ude00\ude00"]}}'
    (found,) = located(write(name, data))

    assert found.value == Submission(body="a�", id="�", metadata={"�": ["😀�"]})


# Faults.


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        ('{"body":"a"', "broken_json", "not JSON: expecting ',' delimiter at column 12"),
        ("nul", "broken_json", "not JSON: expecting value at column 1"),
        ('{"body":"a"} x', "broken_json", "not JSON: extra data at column 14"),
        (
            '{"metadata":{"a":' + "9" * 5000 + "}}",
            "broken_json",
            "not JSON that can be read: a number is too long",
        ),
        ("[1]", "wrong_shape", "expected an object, got a list"),
        ("7", "wrong_shape", "expected an object, got a number"),
        ('{"body":5}', "wrong_shape", "body: expected text, got a number"),
        ('{"body":["a"]}', "wrong_shape", "body: expected text, got a list"),
        ('{"url":{}}', "wrong_shape", "url: expected text, got an object"),
        (
            '{"published_at":true}',
            "wrong_shape",
            "published_at: expected a number or text, got true or false",
        ),
        ('{"ingested_at":"x"}', "wrong_shape", "ingested_at: not a time in ISO 8601"),
        ('{"metadata":[]}', "wrong_shape", "metadata: expected an object, got a list"),
        ('{"withdrawn":"no"}', "wrong_shape", "withdrawn: expected true or false, got text"),
        ('{"body":' + "[" * 100_000, "too_deep", "the JSON is nested too deeply"),
        (
            '{"metadata":' + '{"a":' * 30 + "1" + "}" * 31,
            "too_deep",
            "the JSON is nested too deeply",
        ),
    ],
)  # fmt: skip
def test_a_bad_json_line_says_what_is_wrong_and_stops_nothing(
    write, line: str, reason: str, message: str
) -> None:
    path = write("a.jsonl", '{"body":"first"}\n' + line + '\n{"body":"last"}\n')

    found = located(path)

    assert summary(found) == ["first", reason, "last"]
    assert found[1].value == Rejection(reason=reason, message=message, input=str(path), line=2)


def test_bad_items_of_an_array_are_rejected_alone(write) -> None:
    found = located(write("a.json", b'[{"body":"one"}, 7, {"body":"\xff"}, {"body":"last"}]'))

    assert summary(found) == ["one", "wrong_shape", "undecodable", "last"]
    assert isinstance(found[1].value, Rejection)
    assert found[1].value.message == "item 2: expected an object, got a number"


def test_json_lines_under_the_name_of_json_are_told_apart(write) -> None:
    (found,) = located(write("a.json", THREE))

    assert isinstance(found.value, Rejection)
    assert found.value.message.endswith("a file with an article on each line is named .jsonl")


@pytest.mark.parametrize("data", ["{", "[", '[{"body":"a"},', "[" * 100_000, "nonsense"])
def test_a_broken_json_file_is_rejected(write, data: str) -> None:
    assert summary(located(write("a.json", data))) in (["broken_json"], ["too_deep"])


def test_an_empty_body_is_left_to_those_who_settle_articles(write) -> None:
    assert bodies(write("a.jsonl", '{"body":""}\n{"title":"x"}\n')) == ["", ""]


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl", "a.csv", "a.csv.gz", "a.json.zst"])
def test_an_empty_file_is_rejected(write, name: str) -> None:
    assert bodies(write(name, b"")) == ["empty_file"]


def test_empty_standard_input_is_rejected() -> None:
    assert bodies("-") == ["empty_file"]


def test_a_line_over_the_limit_is_rejected_and_the_next_one_read(write) -> None:
    long = b'{"body":"' + b"x" * 5_000_000 + b'"}'
    found = located(write("a.jsonl", b'{"body":"one"}\n' + long + b'\n{"body":"last"}\n' + long))

    assert summary(found) == ["one", "line_too_long", "last", "line_too_long"]
    assert [f.line for f in found] == [1, 2, 3, 4]


def test_a_text_over_the_limit_is_rejected(write) -> None:
    assert summary(located(write("a.txt", "x" * 41), limit=10)) == ["file_too_large"]
    assert summary(located(write("a.txt", "x" * 40), limit=10)) == ["x" * 40]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_articles_before_a_cut_are_read(write, compress) -> None:
    lines = [json.dumps({"body": f"{i} {os.urandom(50).hex()}"}) for i in range(5000)]
    data = compress("\n".join(lines).encode())
    name = "a.jsonl.gz" if compress is gzip.compress else "a.jsonl.zst"

    found = located(write(name, data[: len(data) // 2]))

    assert len(found) > 1000
    assert summary(found[-1:]) == ["truncated"]
    assert found[-1].line == len(found)
    assert all(isinstance(f.value, Submission) for f in found[:-1])


@pytest.mark.parametrize("name", ["a.txt.gz", "a.json.gz", "a.csv.gz"])
def test_other_formats_cut_off_are_rejected(write, name: str) -> None:
    data = {"a.json.gz": b'{"body":"one"}'}.get(name, b"body\none\n")

    assert bodies(write(name, gzip.compress(data)[:-5]))[-1] == "truncated"


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_what_is_not_compressed_as_its_name_says_is_damaged(write, name: str) -> None:
    assert bodies(write(name, THREE)) == ["damaged_compression"]


def test_data_after_the_gzip_data_is_damage_and_costs_no_article(write) -> None:
    data = gzip.compress(THREE) + b"rubbish"

    assert bodies(write("a.jsonl.gz", data)) == ["one", "two", "three", "damaged_compression"]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_decompression_bomb_is_refused_in_little_memory(write, name: str, compress) -> None:
    ending = ".gz" if compress is gzip.compress else ".zst"
    path = write(name + ending, compress(b" " * 120_000_000))

    tracemalloc.start()
    found = located(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert summary(found) in (["decompression_bomb"], ["file_too_large"])
    assert peak < 220_000_000


def test_a_zstd_window_that_needs_much_memory_is_refused(write) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    data = compressor.compress(THREE) + compressor.flush()

    assert bodies(write("a.jsonl.zst", data)) == ["damaged_compression"]


def test_a_path_that_is_not_there_is_rejected_and_the_next_one_read(write, tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"
    found = located(missing, "nul\0.txt", write("a.txt", "one"))

    assert summary(found) == ["not_found", "not_found", "one"]
    assert str(found[0].value) == f"{missing}: there is no such file or folder"


def test_a_file_that_vanishes_is_rejected(write, tmp_path: Path) -> None:
    write("a.txt", "one")
    vanishing = write("b.txt", "two")
    write("c.txt", "three")

    found = read([tmp_path], max_body_bytes=LIMIT)
    first = next(found)
    vanishing.unlink()

    assert summary([first, *found]) == ["one", "not_found", "three"]


def test_a_path_that_can_not_be_read_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "loop.txt"
    path.symlink_to(path)

    (found,) = located(path)

    assert summary([found]) == ["not_readable"]
    assert str(found.value).startswith(f"{path}: can't be read: ")


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.txt.tmp", "a.gz"])
def test_a_file_of_another_kind_that_is_named_is_an_error(write, name: str) -> None:
    assert bodies(write(name, "one")) == ["unknown_format"]


def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(path)).write_bytes(b"one")

    (found,) = located(tmp_path)

    assert found.input.encode().endswith("caf�.txt".encode())


# CSV.


@pytest.mark.parametrize("header", ["title,text\n1,2\n", "\n\nid\n", "body,body\na,b\n", "x" * 99])
def test_csv_without_a_usable_header_is_rejected_once(write, header: str) -> None:
    assert bodies(write("a.csv", header)) == ["bad_header"]


def test_bad_csv_rows_are_rejected_alone(write) -> None:
    data = (
        "id,body,withdrawn,metadata\n"
        "1,one,,\n"
        "2,short\n"
        "3,one,two,many,cells\n"
        "4,x,perhaps,\n"
        "5,x,,[1]\n"
        "6,nul \0 inside,,\n"
        '7,3.5" disk,,\n'
        "8,last,,\n"
    )
    found = located(write("a.csv", data))

    assert summary(found) == [
        "one", "wrong_shape", "wrong_shape", "wrong_shape", "wrong_shape", "nul \0 inside",
        '3.5" disk', "last",
    ]  # fmt: skip
    assert [f.line for f in found] == list(range(2, 10))


def test_a_quote_that_is_never_closed_costs_its_line_only(write) -> None:
    data = 'id,body\n1,one\n2,"open\n3,three\n4,four\n5,"quoted, \nfive"\n6,six\n'

    found = located(write("a.csv", data))

    assert summary(found) == ["one", "unbalanced_quotes", "three", "four", "quoted, \nfive", "six"]
    assert [f.line for f in found] == [2, 3, 4, 5, 6, 8]


def test_a_quote_open_at_the_end_costs_its_line_only(write) -> None:
    rows = "".join(f"{i},row\n" for i in range(2, 2000))

    assert bodies(write("a.csv", f'id,body\n1,"open\n{rows}')) == [
        "unbalanced_quotes",
        *["row"] * 1998,
    ]


def test_many_stray_quotes_take_no_time_that_grows_with_their_square(write) -> None:
    data = "id,body\n" + '1,"open\n2,plain\n' * 20_000

    assert len(located(write("a.csv", data))) >= 20_000


def test_a_cell_may_be_larger_than_the_csv_module_allows_by_itself(write) -> None:
    body = "x" * 900_000

    assert bodies(write("a.csv", f'body\n"{body}"\n')) == [body]


# Size.


@pytest.mark.parametrize(
    ("ending", "open_to_write"),
    [
        ("", lambda path: io.FileIO(path, "wb")),
        (".gz", lambda path: gzip.GzipFile(path, "wb", compresslevel=1)),
        (".zst", lambda path: zstandard.open(path, "wb")),
    ],
)
def test_a_large_file_of_lines_takes_no_more_memory_than_a_small_one(
    tmp_path: Path, ending: str, open_to_write: Callable[[Path], IO[bytes]]
) -> None:
    path = tmp_path / f"large.jsonl{ending}"

    def lines() -> Iterator[bytes]:
        for number in range(25_000):
            words = " ".join(str(number * k) for k in range(300))
            yield json.dumps({"id": str(number), "body": words}).encode() + b"\n"

    size = 0
    with open_to_write(path) as file:
        for line in lines():
            size += len(line)
            file.write(line)
    assert size > 45_000_000

    tracemalloc.start()
    count = sum(isinstance(f.value, Submission) for f in read([path], max_body_bytes=LIMIT))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 25_000
    assert peak < 3_000_000


# Anything.


@example(data=b"\r\x00", name="csv")
@given(
    data=st.binary(max_size=300),
    name=st.sampled_from(["jsonl", "json", "csv", "txt", "csv.gz", "json.zst"]),
)
def test_nothing_is_raised_whatever_a_file_holds(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{name}"
    path.write_bytes(data)

    for found in located(path) + located("-", stdin=data):
        if isinstance(found.value, Rejection):
            assert found.value.message
            assert "\n" not in str(found.value)
        else:
            found.value.body.encode()


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")), min_size=1)
)
def test_csv_that_was_written_properly_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, written: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "proper.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["id", "body"], *(["1", b] for b in written)]
        )

    assert bodies(path) == written
