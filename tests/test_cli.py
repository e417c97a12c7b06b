"""The command as people and scripts use it: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from pipeline.article import ARTICLES_RAW
from pipeline.cli import cli
from pipeline.log.sqlite import SqliteLog
from tests.conftest import GOLDEN, SAMPLES
from tests.faults.test_kills import wait_for

NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]


class Answer(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def newsloom(
    *words: str | Path, data: Path | None = None, stdin: bytes = b"", **env: str
) -> Answer:
    name, *others = map(str, words)
    group = [name, others.pop(0)] if name in ("dead", "alerts") else [name]
    where = ["--data", str(data)] if data else []
    done = subprocess.run(
        [*NEWSLOOM, *group, *where, *others],
        input=stdin,
        capture_output=True,
        timeout=240,
        check=False,
        env=os.environ | env,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    data = tmp_path_factory.mktemp("demo")
    return data, newsloom("demo", data=data)


def test_the_demo_shows_every_stage(demo: tuple[Path, Answer]) -> None:
    _, answer = demo
    assert answer.status == 0, answer.err
    for shown in (
        "rejected",
        "broken-line.jsonl, line",
        "iShares MSCI Japan ETF",
        "Howard Lutnick",
        "Reuters",
        "**tariffs**",
        '"schema_version": 1',
        "Try next",
    ):
        assert shown in answer.out


def test_a_second_demo_changes_nothing(demo: tuple[Path, Answer]) -> None:
    data, first = demo
    before = newsloom("search", "--json", "--size", "100", data=data).lines[0]
    second = newsloom("demo", data=data)
    after = newsloom("search", "--json", "--size", "100", data=data).lines[0]
    assert [hit["article"] for hit in after["hits"]] == [hit["article"] for hit in before["hits"]]

    def stages(answer: Answer) -> list[list[str]]:
        shown = answer.out.split("Tickers")[0].splitlines()
        return [line.split()[:5] for line in shown if "new," not in line]

    assert stages(second) == stages(first)
    assert "0 new" in second.out


def test_search_gives_the_promised_json(demo: tuple[Path, Answer]) -> None:
    (result,) = newsloom("search", "tariffs", "--place", "Japan", "--json", data=demo[0]).lines
    assert set(result) == {"total", "took_ms", "hits", "facets", "histogram", "next"}
    assert result["total"] >= 1
    hit = result["hits"][0]
    assert set(hit) == {"id", "score", "duplicates", "highlights", "article"}
    for passage in hit["highlights"]:
        assert set(passage) == {"field", "text", "spans"}
        for start, end in passage["spans"]:
            assert passage["text"][start:end].lower().startswith("tariff")
    assert {"value", "count"} == set(result["facets"]["place"][0])


def test_a_syndicated_story_is_shown_once_when_that_is_asked_for(demo: tuple[Path, Answer]) -> None:
    words = ("search", "Akazawa", "quota", "--sort", "newest")
    (both,) = newsloom(*words, "--json", data=demo[0]).lines
    links = {hit["id"]: hit["article"]["duplicate_of"] for hit in both["hits"]}
    original, copy = "ledgerline-2025-07-23-japan", "coastal-courier-7719"
    assert (links[original], links[copy]) == (None, original)
    assert f"duplicate of {original}" in newsloom(*words, data=demo[0]).out
    (once,) = newsloom(*words, "--collapse", "--json", data=demo[0]).lines
    assert once["total"] == both["total"] - 1
    assert [hit["id"] for hit in once["hits"] if hit["duplicates"]] == [copy]
    assert once["facets"] == both["facets"]
    shown = newsloom(*words, "--collapse", data=demo[0]).out
    assert "near-duplicates once" in shown
    assert "and 1 near-duplicate " in shown


def test_an_article_says_what_it_is_a_duplicate_of(demo: tuple[Path, Answer]) -> None:
    shown = newsloom("show", "coastal-courier-7719", data=demo[0]).out
    assert "duplicate of  ledgerline-2025-07-23-japan" in shown
    (article,) = newsloom("show", "coastal-courier-7719", "--json", data=demo[0]).lines
    assert article["duplicate_of"] == "ledgerline-2025-07-23-japan"


@pytest.mark.parametrize("query", ["U.S.", "S&P 500", "AT&T", "BRK.B"])
def test_what_tokenizers_tear_apart_is_found(demo: tuple[Path, Answer], query: str) -> None:
    (result,) = newsloom("search", query, "--json", data=demo[0]).lines
    assert result["total"] >= 1


def test_show_marks_the_entities_in_the_text(demo: tuple[Path, Answer]) -> None:
    (result,) = newsloom("search", "Akazawa", "--json", "--size", "1", data=demo[0]).lines
    answer = newsloom("show", result["hits"][0]["id"], data=demo[0])
    assert answer.status == 0
    assert "[Ryosei Akazawa|person]" in answer.out


def test_showing_an_unknown_article_says_so(demo: tuple[Path, Answer]) -> None:
    answer = newsloom("show", "none", data=demo[0])
    assert answer == Answer(1, "", "newsloom: no article none; `newsloom search` shows ids\n")


def test_tail_gives_the_records_of_a_topic_and_ends_with_its_reader(
    demo: tuple[Path, Answer],
) -> None:
    command = [*NEWSLOOM, "tail", "enriched", "--from-beginning", "--data", str(demo[0])]
    with subprocess.Popen(
        [*command, "--ticker", "EWJ"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        record = json.loads(process.stdout.readline())
        process.send_signal(2)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b""
    assert record["schema_version"] == 1
    assert "EWJ" in record["symbols"]


def test_a_deleted_article_is_gone_and_does_not_come_back(tmp_path: Path) -> None:
    assert newsloom("produce", GOLDEN, data=tmp_path).out == "1 accepted, 0 rejected, 0 unchanged\n"
    assert newsloom("up", "--drain", data=tmp_path).status == 0
    (hit,) = newsloom("search", "--json", data=tmp_path).lines[0]["hits"]
    assert newsloom("delete", hit["id"], data=tmp_path).status == 0
    assert newsloom("search", "--json", data=tmp_path).lines[0]["total"] == 0
    assert newsloom("produce", GOLDEN, data=tmp_path).out == "0 accepted, 0 rejected, 1 unchanged\n"
    assert newsloom("reindex", data=tmp_path).status == 0
    assert newsloom("search", "--json", data=tmp_path).lines[0]["total"] == 0
    assert newsloom("show", hit["id"], data=tmp_path).status == 1


def test_annotate_answers_each_article_in_order_and_names_each_rejection() -> None:
    lines = [b'{"body": "Apple (AAPL) rose."}', b"{broken", b'{"body": ""}', b'{"body": "Two."}']
    answer = newsloom("annotate", "-", stdin=b"\n".join(lines))
    assert answer.status == 1
    assert [article["text"] for article in answer.lines] == ["Apple (AAPL) rose.", "Two."]
    first, second = (json.loads(line) for line in answer.err.splitlines())
    assert (first["input"], first["line"]) == ("-", 2)
    assert (second["line"], second["reason"]) == (3, "empty_body")


def test_annotate_uses_worker_processes_for_many_and_keeps_their_order(tmp_path: Path) -> None:
    bodies = [f"Article number {n} of the day in Tokyo." for n in range(70)]
    lines = "\n".join(json.dumps({"body": body}) for body in bodies)
    answer = newsloom("annotate", "-", stdin=lines.encode())
    assert (answer.status, answer.err) == (0, "")
    assert [article["text"] for article in answer.lines] == bodies


def test_annotate_takes_plain_text_from_a_pipe() -> None:
    answer = newsloom("annotate", "-", stdin=b"Shares of Apple (AAPL) rose 3%.")
    assert answer.lines[0]["symbols"] == ["AAPL"]


def test_generated_articles_can_be_produced(tmp_path: Path) -> None:
    generated = newsloom("generate", "--count", "30", "--seed", "5")
    assert generated.out == newsloom("generate", "--count", "30", "--seed", "5").out
    answer = newsloom("produce", "-", "--json", data=tmp_path, stdin=generated.out.encode())
    assert answer.lines == [{"accepted": 30, "unchanged": 0, "rejected": 0}]


def test_produce_names_file_line_and_reason_of_what_it_rejects(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "Fine."}\n{"body": 5}\n{"title": "No body"}\n')
    answer = newsloom("produce", tmp_path / "a.jsonl", tmp_path / "none.txt", data=tmp_path / "d")
    assert answer.status == 1
    assert answer.out == "1 accepted, 3 rejected, 0 unchanged\n"
    assert [line.split(": ")[0] for line in answer.err.splitlines()] == [
        f"rejected {tmp_path}/a.jsonl:2",
        f"rejected {tmp_path}/a.jsonl:3",
        f"rejected {tmp_path}/none.txt",
    ]


def test_dead_letters_are_listed_shown_and_retried(tmp_path: Path) -> None:
    newsloom("produce", "-", data=tmp_path, stdin=b'{"id": "only-markup", "body": "<br>"}')
    up = newsloom("up", "--drain", data=tmp_path)
    assert up.status == 1
    assert "1 dead letters" in up.out
    (letter,) = newsloom("dead", "list", "--json", data=tmp_path).lines
    assert (letter["key"], letter["error"], letter["stage"]) == (
        "only-markup",
        "empty_body",
        "enrich",
    )
    shown = newsloom("dead", "show", letter["ref"], data=tmp_path)
    assert json.loads(shown.out)["body"] == "<br>"
    assert "empty_body" in shown.err
    assert newsloom("dead", "retry", data=tmp_path).out.startswith("1 sent back")
    assert newsloom("dead", "list", data=tmp_path).out == "no dead letters\n"
    newsloom("up", "--drain", data=tmp_path)
    (again,) = newsloom("dead", "list", "--json", data=tmp_path).lines
    assert again["attempts"] == 2


def test_a_damaged_index_says_what_to_do_and_is_rebuilt(tmp_path: Path) -> None:
    newsloom("produce", GOLDEN, data=tmp_path)
    newsloom("up", "--drain", data=tmp_path)
    (meta,) = (tmp_path / "index").glob("0*/meta.json")
    meta.write_bytes(b"rubbish")
    answer = newsloom("search", data=tmp_path)
    assert answer.status == 2
    assert "newsloom reindex" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert newsloom("reindex", data=tmp_path).out == "1 articles in the new index\n"
    assert newsloom("search", "--json", data=tmp_path).lines[0]["total"] == 1


@pytest.mark.parametrize(
    ("words", "explanation"),
    [
        (["search", "x"], "no index here yet"),
        (["tail", "enriched"], "no articles here yet"),
        (["tail", "nowhere"], "no such topic"),
        (["up", "--watch", "nowhere"], "no such folder"),
        (["search", "--from", "yesterday"], "no date"),
        (["search", "--after", "?"], "next"),
        (["search", "--sort", "colour"], "colour"),
        (["produce"], "name a PATH"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(
    tmp_path: Path, words: Sequence[str], explanation: str
) -> None:
    answer = newsloom(words[0], *words[1:], NEWSLOOM_DATA=str(tmp_path / "data"))
    assert answer.status == 2
    assert explanation in answer.err
    assert "Traceback" not in answer.err


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    answer = newsloom("search", NEWSLOOM_PROCESSES="many")
    assert answer.status == 2
    assert "NEWSLOOM_PROCESSES" in answer.err


def test_a_data_folder_that_can_not_be_written_is_status_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = newsloom("produce", GOLDEN, data=tmp_path / "file" / "data")
    assert answer.status == 2
    assert str(tmp_path / "file") in answer.err
    assert "Traceback" not in answer.err


def test_a_folder_that_is_watched_is_read_now_and_when_it_changes(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "first.txt").write_text("The first article is about Tokyo.")
    watching = ["up", "--no-serve", "--watch", str(folder), "--data", str(tmp_path / "data")]
    command = [*NEWSLOOM, *watching]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_total(tmp_path / "data", 1)
            (folder / "second.tmp").write_text("The second article is about Washington.")
            (folder / "second.tmp").rename(folder / "second.txt")
            wait_for_total(tmp_path / "data", 2)
        finally:
            process.terminate()
        assert process.wait(60) == 0


def wait_for_total(data: Path, total: int) -> None:
    def reached() -> bool:
        answer = newsloom("search", "--json", data=data)
        return answer.status == 0 and answer.lines[0]["total"] == total

    wait_for(reached)


def test_a_reader_that_has_had_enough_ends_the_command_quietly() -> None:
    command = " ".join(map(shlex.quote, [*NEWSLOOM, "generate", "--count", "5000"]))
    script = f"{command} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=True)
    assert (done.stdout.strip(), done.stderr) == (b"141", b"")


def test_a_full_standard_output_is_status_2() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*NEWSLOOM, "generate", "--count", "50"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_ctrl_c_at_a_pipe_keeps_what_was_read(tmp_path: Path) -> None:
    command = [*NEWSLOOM, "produce", "-", "--data", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"body": "One."}\n' + b'{"body": "Two."}\n')
        process.stdin.flush()
        wait_for(lambda: (tmp_path / "log.db").exists() and on_raw_topic(tmp_path) == 2)
        process.send_signal(2)
        assert process.wait(30) == 130
        assert process.stdout is not None
        assert process.stdout.read() == b"2 accepted, 0 rejected, 0 unchanged\n"


def on_raw_topic(data: Path) -> int:
    return SqliteLog(data / "log.db").consume(ARTICLES_RAW).lag()


def test_a_word_with_a_minus_needs_no_quotes(demo: tuple[Path, Answer]) -> None:
    with_all = newsloom("search", "tariffs", "--json", data=demo[0]).lines[0]["total"]
    without = newsloom("search", "tariffs", "-japan", "--json", data=demo[0]).lines[0]["total"]
    assert 0 < without < with_all
    assert newsloom("search", "tariffs", "--colour", data=demo[0]).status == 2


def test_filters_are_read_as_people_write_them(demo: tuple[Path, Answer]) -> None:
    words = ["--ticker", "$ewj", "--person", "ryosei akazawa", "--stated-sentiment", "Bullish"]
    assert newsloom("search", *words, "--json", data=demo[0]).lines[0]["total"] == 1
    answer = newsloom("search", "--sentiment", "great", data=demo[0])
    assert answer.status == 2
    assert "positive, neutral, negative" in answer.err


def test_markup_in_an_article_is_only_text(tmp_path: Path) -> None:
    article = {"id": "[/x]", "source": "evil[/red]", "title": "[bold]T[/]", "body": "A word [/a]."}
    newsloom("produce", "-", data=tmp_path, stdin=json.dumps(article).encode())
    newsloom("up", "--drain", data=tmp_path)
    answer = newsloom("search", "word", data=tmp_path)
    assert answer.status == 0
    assert "evil[/red]" in answer.out
    assert newsloom("show", "[/x]", data=tmp_path).status == 0


def test_one_bad_address_stops_nobody(tmp_path: Path) -> None:
    lines = b'{"body": "a", "url": "http://[bad"}\n{"body": "b"}\n'
    answer = newsloom("produce", "-", data=tmp_path, stdin=lines)
    assert answer.out == "2 accepted, 0 rejected, 0 unchanged\n"


def test_a_terminal_without_curly_quotes_shows_something_else(demo: tuple[Path, Answer]) -> None:
    answer = newsloom("search", "tariffs", data=demo[0], PYTHONIOENCODING="ascii")
    assert answer.status == 0
    assert "Traceback" not in answer.err


def test_help_names_every_command_and_the_exit_status() -> None:
    text = newsloom("--help").out
    for command in cli.commands:
        assert f"  {command}" in text
    assert "Exit status" in text
    assert "NEWSLOOM_DATA" in text


def test_every_command_has_help() -> None:
    for name, command in cli.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


def test_the_samples_ship_with_the_package() -> None:
    assert GOLDEN.is_file()
    assert len(list(SAMPLES.iterdir())) > 10
    assert GOLDEN.read_bytes().startswith(b" date ")


def test_trends_say_what_is_said_of_tickers(demo: tuple[Path, Answer]) -> None:
    answer = newsloom("trends", "--at", "2025-07-17", data=demo[0])
    assert answer.status == 0
    assert "2025-07-17 00:00 to 2025-07-18 00:00 UTC" in answer.out
    assert re.search(r"EWJ +1 .* bullish 1", answer.out)
    (trend,) = newsloom(
        "trends", "--at", "2025-07-17", "--symbol", "$spy", "--json", data=demo[0]
    ).lines
    assert trend["symbol"] == "SPY"
    assert trend["stated_sentiments"] == {"neutral": 1}
    assert {"type": "person", "name": "Donald Trump", "count": 1} in trend["entities"]


def test_a_day_without_articles_says_when_there_are_some(demo: tuple[Path, Answer]) -> None:
    answer = newsloom("trends", "--at", "1999-01-01", data=demo[0])
    assert "the newest article is of 2025-08-22" in answer.out


def test_trends_are_a_topic_of_kafka_only(demo: tuple[Path, Answer]) -> None:
    answer = newsloom("tail", "trends", data=demo[0])
    assert answer.status == 2
    assert "the embedded log has none" in answer.err
