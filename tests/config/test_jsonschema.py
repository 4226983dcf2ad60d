from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from exporter.config.load import load
from exporter.config.schema import json_schema, text
from exporter.model import Api, Config

HERE = Path(__file__).parent
TOP = HERE.parent.parent
GOOD = [TOP / "config.yaml", *sorted((HERE / "good").glob("*.yaml"))]

SEEN_BY_A_SCHEMA = (
    "key_",
    "api_url_pa",
    "api_url_q",
    "api_url_s",
    "api_concurrency",
    "api_dates",
    "bot_token",
    "label_reserved",
    "query_every_order",
    "query_name_total",
)
BAD = [path for path in sorted((HERE / "bad").glob("*.yaml")) if path.stem.startswith(SEEN_BY_A_SCHEMA)]


def test_the_shipped_schema_is_the_one_this_version_makes() -> None:
    advice = "run: make generate"
    assert (TOP / "config.schema.json").read_text(encoding="utf-8") == text(), advice


def test_the_module_prints_it() -> None:
    command = [sys.executable, "-m", "exporter.config.schema"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=TOP).stdout
    assert json.loads(printed) == json_schema()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_it_takes_what_the_exporter_takes(path: Path) -> None:
    document = json.loads(json.dumps(yaml.safe_load(path.read_bytes()), default=str))
    validator = Draft202012Validator(json_schema())
    errors = list(validator.iter_errors(document))
    assert errors == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_it_refuses_what_a_schema_can_see(path: Path) -> None:
    assert not Draft202012Validator(json_schema()).is_valid(yaml.safe_load(path.read_bytes()))


def test_every_key_has_a_description() -> None:
    def undescribed(schema: object, path: str = "") -> list[str]:
        if not isinstance(schema, dict):
            return []
        keys = schema.get("properties", {}).items() if schema.get("additionalProperties") is False else ()
        missing = [f"{path}.{key}" for key, value in keys if len(keys) > 1 and not value.get("description")]
        for key, value in schema.items():
            missing += undescribed(value, f"{path}.{key}")
        return missing

    assert undescribed(json_schema()) == []


def test_the_defaults_it_names_are_those_of_a_configuration_that_says_nothing(tmp_path: Path) -> None:
    schema = json.loads(text())["properties"]
    named = {
        key: value["default"] for key, value in schema["api"]["properties"].items() if "default" in value
    }
    bot = {"name": "main", "id": "5990b7b5d57ae86c1b2dfd6e", "token": {"env": "T"}}
    query = {
        "name": "q",
        "collection": "messages",
        "every": schema["defaults"]["properties"]["every"]["default"],
    }
    told = {key: schema[key]["default"] for key in ("timezone", "max_series", "workers")}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({**told, "api": named, "bots": [bot], "queries": [query]}))
    said = load(path, {"T": "x"}).config
    del query["every"]
    path.write_text(json.dumps({"bots": [bot], "queries": [query]}))
    unsaid = load(path, {"T": "x"}).config
    assert said == unsaid
    assert unsaid.bots[0].api == Api()
    assert Config(bots=unsaid.bots, queries=unsaid.queries) == unsaid
