"""The command that searches a graph of a table's columns."""

import csv

import numpy as np

from pynodes.command.main import main


def test_a_table_becomes_edges_and_a_picture(tmp_path, capsys):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 150))
    b[1:] += 0.8 * a[:-1]
    path = tmp_path / "data.csv"
    rows = "\n".join(
        f"{i / 10},{'Mon' if i % 2 else 'n/a'},{x},{y}"
        for i, (x, y) in enumerate(zip(a, b, strict=True))
    )
    path.write_text(f"time,day,a,b\n{rows}\n", encoding="utf-8")
    out = tmp_path / "out"

    assert main(["structure", str(path), "--out", str(out)]) == 0
    with (out / "edges.csv").open(encoding="utf-8") as file:
        found = {row["edge"]: float(row["probability"]) for row in csv.DictReader(file)}
    assert found["lag1_a->b"] > 0.99
    assert len(found) == 4
    assert (out / "structure.png").stat().st_size > 3000
    said = capsys.readouterr().out
    assert "lag1_a->b: 1.00" in said
    assert "2 series, 4 candidate edges" in said
    assert "left out: 'time', which counts the rows" in said
    assert "left out: 'day', which holds texts" in said


def test_what_cannot_be_searched_is_refused_in_a_sentence(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n1,3\n", encoding="utf-8")

    assert main(["structure", str(path), "--out", str(tmp_path)]) == 2
    assert "'a' never changes" in capsys.readouterr().err
    assert main(["structure", str(path), "--columns", "c", "--out", str(tmp_path)]) == 2
    assert "no column 'c'" in capsys.readouterr().err
    for text, words in (
        ("", "is empty"),
        ("a,b\n1,2\ninf,3\n2,5\n", "'a' holds infinite numbers"),
        ("a,b\n1,x\n2,y\n3,z\n", "no column of numbers: 'a' and 'b'"),
        ("a,b\n1,2\nx,3\n2,5\n", "line 3, column 'a': 'x' is not a number"),
    ):
        path.write_text(text, encoding="utf-8")
        assert main(["structure", str(path), "--out", str(tmp_path)]) == 2
        assert words in capsys.readouterr().err


def test_two_rows_are_searched_for_what_they_are_worth(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,3\n2,2\n", encoding="utf-8")

    assert main(["structure", str(path), "--out", str(tmp_path)]) == 0
    assert "what is found rests on the prior" in capsys.readouterr().out
