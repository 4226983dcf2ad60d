"""Laws of the workflows: they are valid, call our own verbs, and trust no name that can be moved."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".github/workflows"
PINNED: Final = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

each_workflow = pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.stem)


def judged(schema: str, *files: Path) -> str:
    """Return what a schema has against files."""
    command = [sys.executable, "-m", "check_jsonschema", f"--builtin-schema={schema}", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_the_workflows_are_valid(schema: str) -> None:
    assert judged(schema, *FOLDER.glob("*.yml")) == ""


def test_dependabot_s_configuration_is_valid() -> None:
    assert judged("vendor.dependabot", ROOT / ".github/dependabot.yml") == ""


@each_workflow
def test_an_action_is_pinned_by_its_hash_and_says_its_version(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    assert used
    for action in used:
        assert PINNED.fullmatch(action) or (ROOT / action).is_file(), action


@each_workflow
def test_a_workflow_may_only_read_unless_a_job_says_why(file: Path) -> None:
    assert yaml.safe_load(file.read_text("utf-8"))["permissions"] == {"contents": "read"}


@each_workflow
def test_a_right_to_write_says_what_it_is_for(file: Path) -> None:
    rights = re.findall(r"^\s+[\w-]+: write(.*)$", file.read_text("utf-8"), re.MULTILINE)
    assert [right for right in rights if not re.fullmatch(r" +# .+", right)] == []


def test_a_rebuild_finds_the_name_of_the_base_in_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for name in ("publish-image", "rebuild"):
        text = (FOLDER / f"{name}.yml").read_text("utf-8")
        [pattern] = re.findall(r"sed -nE 's\|(.*?)\|", text)
        [base] = re.findall(pattern, dockerfile, re.MULTILINE)
        assert re.fullmatch(r"python:[\w.-]+", base)


@each_workflow
def test_no_expression_of_github_becomes_part_of_a_script(file: Path) -> None:
    for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
        for step in job.get("steps", ()):
            assert "${{" not in re.sub(r"\$\{\{ matrix\.\w+ \}\}", "", step.get("run", "")), step


@each_workflow
def test_a_workflow_calls_verbs_that_exist(file: Path) -> None:
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    called = re.findall(r"^\s+(?:- run: )?make ([a-z-]+)", file.read_text("utf-8"), re.MULTILINE)
    assert set(called) <= set(verbs)


def test_one_action_is_one_hash_everywhere() -> None:
    used = {
        tuple(action.split("@"))
        for file in FOLDER.glob("*.yml")
        for action in re.findall(r"uses: (\w\S+@.*)$", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len({name for name, _ in used}) == len(used)


def test_each_python_that_the_package_names_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    jobs = yaml.safe_load((FOLDER / "tests.yml").read_text("utf-8"))["jobs"]
    assert [row["python"] for row in jobs["tests"]["strategy"]["matrix"]["include"]] == named
    assert project["requires-python"] == f">={named[0]}"
