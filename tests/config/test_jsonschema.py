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

REFUSED_BY_THE_SCHEMA = (
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
BAD = [path for path in sorted((HERE / "bad").glob("*.yaml")) if path.stem.startswith(REFUSED_BY_THE_SCHEMA)]


def test_the_shipped_schema_is_the_one_this_version_makes() -> None:
    advice = "run: make generate"
    assert (TOP / "config.schema.json").read_text(encoding="utf-8") == text(), advice


def test_the_module_prints_the_schema() -> None:
    command = [sys.executable, "-m", "exporter.config.schema"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=TOP).stdout
    assert json.loads(printed) == json_schema()


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_schema_accepts_good_files(path: Path) -> None:
    document = json.loads(json.dumps(yaml.safe_load(path.read_bytes()), default=str))
    validator = Draft202012Validator(json_schema())
    errors = list(validator.iter_errors(document))
    assert errors == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_schema_refuses_bad_files_as_far_as_a_schema_can(path: Path) -> None:
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


def test_the_defaults_in_the_schema_are_those_of_a_configuration_without_these_keys(tmp_path: Path) -> None:
    schema = json.loads(text())["properties"]
    api = {key: value["default"] for key, value in schema["api"]["properties"].items() if "default" in value}
    bot = {"name": "main", "id": "5990b7b5d57ae86c1b2dfd6e", "token": {"env": "T"}}
    query = {
        "name": "q",
        "collection": "messages",
        "every": schema["defaults"]["properties"]["every"]["default"],
    }
    top = {key: schema[key]["default"] for key in ("timezone", "max_series", "workers")}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({**top, "api": api, "bots": [bot], "queries": [query]}))
    written = load(path, {"T": "x"}).config
    del query["every"]
    path.write_text(json.dumps({"bots": [bot], "queries": [query]}))
    absent = load(path, {"T": "x"}).config
    assert written == absent
    assert absent.bots[0].api == Api()
    assert Config(bots=absent.bots, queries=absent.queries) == absent


def test_only_a_configuration_beside_its_schema_names_it_for_editors() -> None:
    first = (TOP / "config.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./config.schema.json"
    deployed = list((TOP / "deploy").rglob("*.yaml"))
    assert len(deployed) > 2
    for file in deployed:
        assert "yaml-language-server" not in file.read_text("utf-8"), file
