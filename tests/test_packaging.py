"""The wheel, installed by itself, works in a folder whose files bear our packages' names."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(each) for each in argv], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target, cwd=ROOT)
    [built] = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ folder of an environment that has our wheel, and borrows the libraries of the running one."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # a folder on the path by a .pth has its own .pth files unread: the editable install of the checkout stays out
    site.joinpath("borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=home)
    return home / "bin"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder in which importing anything of ours by name goes wrong."""
    for name in ("store", "mlops_tui", "runbooks", "click"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('the folder shadows {name}')\n", encoding="utf-8")
    (tmp_path / "bots").mkdir()
    (tmp_path / "bots" / "__init__.py").write_text("raise RuntimeError('the folder shadows bots')\n", encoding="utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "theirs.j2").write_text("{{ theirs }}", encoding="utf-8")
    return tmp_path


def test_the_wheel_carries_data_and_types_but_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"mlops_tui", "bots", "store", "runbooks", "templates"}
    for needed in ("mlops_tui/py.typed", "store/py.typed", "bots/py.typed"):
        assert needed in names
    shipped = {path.relative_to(ROOT).as_posix() for folder in ("runbooks", "templates", "mlops_tui/tui", "mlops_tui")
               for pattern in ("*.md", "*.j2", "*.css", "*.tcss", "*.sql", "*.yaml")
               for path in (ROOT / folder).rglob(pattern)}
    assert shipped <= set(names)


def test_the_command_is_ours_in_a_hostile_folder(installed: Path, hostile: Path) -> None:
    assert run(installed / "mlops-tui", "--version", cwd=hostile).strip()
    assert "audit" in run(installed / "mlops-tui", "--help", cwd=hostile)


def test_the_module_is_ours_where_nothing_bears_its_own_name(installed: Path, hostile: Path) -> None:
    (hostile / "mlops_tui.py").unlink()  # `python -m mlops_tui` is bound to run the folder's own
    assert run(installed / "python", "-m", "mlops_tui", "--version", cwd=hostile).strip()


def test_data_come_from_the_wheel_alone(installed: Path, hostile: Path) -> None:
    script = ("import store, bots, runbooks, templates, mlops_tui\n"
              "print(*[module.__file__ for module in (store, bots, runbooks, templates, mlops_tui)], sep='\\n')")
    origins = run(installed / "python", "-P", "-c", script, cwd=hostile).split()
    assert len(origins) == 5
    assert all(Path(origin).is_relative_to(installed.parent) for origin in origins), origins


def test_the_locks_name_no_index_and_no_machine() -> None:
    for lock in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert text.count("--hash=sha256:") > 100
        for address in ("://", "file:", "--index-url", "--find-links", "/home", "/root"):
            assert address not in text, f"{lock} has {address}"
