from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alert import Insert
from exporter.language import templates


def test_labels_and_the_value_are_inserted_with_double_braces() -> None:
    text = "{{ $labels.bot }} has {{$value}} errors, {{ $value | humanizePercentage }} of all"
    assert templates.parse(text) == (
        Insert("bot"),
        " has ",
        Insert(),
        " errors, ",
        Insert(form="humanizePercentage"),
        " of all",
    )


@given(st.text().filter(lambda text: "{{" not in text and "}}" not in text))
def test_any_other_text_is_unchanged(text: str) -> None:
    assert "".join(str(piece) for piece in templates.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Value }}",
        "{{ $labels }}",
        "{{ $labels.2nd }}",
        "{{ $value | upper }}",
        '{{ printf "%.0f" $value }}',
        "{{ $value",
        "value }}",
        "{{ {{ $value }} }}",
    ],
)
def test_anything_else_in_double_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="that alerts do not support"):
        templates.parse(text)


def test_three_braces_are_refused() -> None:
    with pytest.raises(ValueError, match="three braces"):
        templates.parse("{{{ $value }}} new")


def test_a_label_with_a_number_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"humanize formats numbers.*\{\{ \$labels\.bot \}\}"):
        templates.parse("{{ $labels.bot | humanize }}")


def test_the_labels_of_a_text_are_returned() -> None:
    text = "{{ $labels.bot }} {{ $labels.channel }} {{ $labels.bot }} {{ $value }}"
    assert templates.labels(templates.parse(text)) == {"bot", "channel"}
