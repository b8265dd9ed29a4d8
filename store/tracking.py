"""Models in MLflow: versions with their digests, aliases and documents, in the project's own store or on a server."""

import hashlib
import logging
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlparse
from weakref import finalize

import yaml

from store.modelfiles import Policy, hashed, listed
from store.refusal import NotFound, Refusal, Unreadable
from store.rooms import room
from store.trusted import TRUSTED

if TYPE_CHECKING:
    from store.vault import Vault

MODEL_FILE, PREPARE_FILE = "model.skops", "prepare.json"
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")  # what a model needs to be loaded
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "_MLFLOW_TELEMETRY_PRE_WARM_DATABRICKS_SDK": "false",
    "MLFLOW_CONFIGURE_LOGGING": "false", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}  # not 7 retries of 120 s


@dataclass(frozen=True)
class Input:
    """One column that a model reads."""

    name: str
    type: Literal["boolean", "long", "double", "string", "datetime"]
    required: bool = True


@dataclass(frozen=True)
class Record:
    """What is kept beside a model. No row of data is among it: a stored example would outlive an erasure.

    `answers`: what `predict` gives for a row, so many probabilities, one number (0), or the text of a class (-1).
    """

    inputs: tuple[Input, ...]
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    predict: Literal["predict_proba", "predict"] = "predict_proba"
    answers: int = 2
    prepare: str = ""  # parameters of what is done to a row before the estimator reads it


@dataclass(frozen=True)
class Version:
    """A registered version of a model; `digest` covers every file of it."""

    model: str
    version: int
    run_id: str
    digest: str
    created_at: datetime
    tags: Mapping[str, str]


class Tracking:
    """One MLflow store. Nothing of mlflow is imported before the first question is asked."""

    def __init__(self, uri: str, artifacts: Path, policy: Policy | None = None,
                 environment: Mapping[str, str] | None = None) -> None:
        self.uri, self.artifacts, self.policy = uri, artifacts.absolute(), policy or Policy()
        self.environment = environment or {}

    @property
    def local(self) -> bool:
        return self.uri.startswith("sqlite:")

    @cached_property
    def vault(self) -> "Vault":
        """What seals and signs models, imported when it is first needed: cryptography costs 0.03 CPU seconds."""
        made: Vault = import_module("store.vault").Vault.of(self.artifacts.parent, self.policy, self.environment)
        return made

    def open(self) -> None:
        """Open the store now, and lay its tables where it is new: worth doing while something else is awaited."""
        _ = self._client

    @cached_property
    def _client(self) -> Any:
        with _refusals(self.uri):
            if self.local:
                _lay_tables(Path(self.uri.removeprefix("sqlite:///")))
            return _mlflow().MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    # -- writing ------------------------------------------------------------------------------------------------

    def log_version(self, model: str, fitted: Any, record: Record) -> Version:
        """Register a fitted estimator, or the file that one was dumped to, as the next version of a model."""
        client = self._client
        with _refusals(self.uri), room(self.artifacts.parent / "vault") as temporary:
            experiment = self._experiment(model)
            run = client.create_run(experiment, tags=dict(record.tags), run_name=record.tags.get("candidate"))
            try:
                plain = _made(temporary / "plain")
                location, digest, model_id = self._log_files(model, fitted, record, run.info, plain)
                self._log_record(run.info.run_id, record)
                client.set_terminated(run.info.run_id)
            except BaseException:
                client.set_terminated(run.info.run_id, "FAILED")
                raise
            self._register(model)
            tags = {**record.tags, "digest": digest}
            made = client.create_model_version(model, location, run.info.run_id, tags=tags, model_id=model_id)
        return _version(made)

    def _log_files(self, model: str, fitted: Any, record: Record, run: Any, folder: Path) -> tuple[str, str, str]:
        """Lay out the model's folder and store it; gives its place, its digest and MLflow's id for it."""
        logged = self._client.create_logged_model(run.experiment_id, name=model, source_run_id=run.run_id)
        if isinstance(fitted, Path):
            (folder / MODEL_FILE).write_bytes(fitted.read_bytes())
        else:
            _estimators().dump(fitted, folder / MODEL_FILE)
        if record.prepare:
            (folder / PREPARE_FILE).write_text(record.prepare, encoding="utf-8")
        _lay_out(folder, record, run.run_id, logged.model_id)
        digest = digest_of(folder)
        with self.vault.prepared(folder, model) as kept:
            self._client.log_model_artifacts(logged.model_id, str(kept))
        self._client.finalize_logged_model(logged.model_id, "READY")
        return logged.artifact_location, digest, logged.model_id

    def _log_record(self, run_id: str, record: Record) -> None:
        entities, now = _mlflow().entities, int(datetime.now(UTC).timestamp() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[entities.Metric(name, float(value), now, 0) for name, value in record.metrics.items()],
            params=[entities.Param(name, str(value)) for name, value in record.params.items()])
        for name, text in record.documents.items():
            self._client.log_text(run_id, text, name)

    def _experiment(self, model: str) -> str:
        """The model's experiment; one of its own for each place that a project was moved or copied to."""
        place = (self.artifacts / model).as_uri() if self.local else None
        names = (model, f"{model} {hashlib.sha256(str(self.artifacts).encode()).hexdigest()[:8]}")
        for name in names:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                with _existing():
                    self._client.create_experiment(name, artifact_location=place)
                found = self._client.get_experiment_by_name(name)
            if place in (None, found.artifact_location):
                return str(found.experiment_id)
        raise Unreadable(f"MLflow keeps the experiment '{names[1]}' elsewhere.", where=self.uri)

    def _register(self, model: str) -> None:
        with _existing():
            self._client.create_registered_model(model)

    def alias(self, model: str, name: str, version: int | str) -> None:
        """Let an alias point to a version; nothing is written where it already does."""
        if self.aliases(model).get(name) == int(version):
            return
        with _refusals(self.uri, f"No version {version} of '{model}' in MLflow."):
            self._client.set_registered_model_alias(model, name, str(version))

    # -- reading ------------------------------------------------------------------------------------------------

    def aliases(self, model: str) -> dict[str, int]:
        """Every alias of a model and the version it points to; none where the model is not registered."""
        try:
            with _refusals(self.uri):
                found = self._client.get_registered_model(model).aliases
        except NotFound:
            return {}
        return {name: int(version) for name, version in found.items()}

    def versions(self, model: str) -> list[Version]:
        """The versions of a model, oldest first."""
        with _refusals(self.uri):
            found = self._client.search_model_versions(f"name = '{_plain(model)}'")
        return sorted((_version(each) for each in found), key=lambda each: each.version)

    def version(self, model: str, version: int | str) -> Version:
        """One version of a model; NotFound where there is none."""
        return _version(self._made(model, version))

    def _made(self, model: str, version: int | str) -> Any:
        with _refusals(self.uri, f"No version {version} of '{model}' in MLflow."):
            return self._client.get_model_version(model, str(version))

    @contextmanager
    def opened(self, model: str, version: int | str, *, digest: str = "") -> Iterator[Path]:
        """The plain files of a version, after they were compared with `digest` or else the one recorded with it; those
        of a sealed one lie in a folder that nobody else reads, and which goes."""
        made = self._made(model, version)
        with self.vault.opened(self._there(made)) as folder:
            self._checked(made, self.vault.hashes(folder), digest)
            yield folder

    def fetch(self, model: str, version: int | str, *, digest: str = "") -> Path:
        """The same, for as long as this process lives."""
        return self._fetched.enter_context(self.opened(model, version, digest=digest))

    @cached_property
    def _fetched(self) -> ExitStack:
        stack = ExitStack()
        finalize(self, stack.close)  # at the latest when the process ends
        return stack

    def hashes(self, model: str, version: int | str, *, digest: str = "") -> dict[str, str]:
        """The SHA-256 of each file of a version, all of them read and compared; its signature is not looked at."""
        made = self._made(model, version)
        found = self.vault.hashes(self._there(made))
        self._compared(made, found, digest)
        return found

    def place(self, model: str, version: int | str) -> Path:
        """The folder of a version as it is kept, sealed or not; NotFound where it is not there."""
        return self._there(self._made(model, version))

    def _there(self, made: Any) -> Path:
        folder = self._folder(made.source)
        if not folder.exists():
            raise NotFound(f"The files of {made.name} version {made.version} are not there.", where=str(folder),
                           next=f"If it was archived: mlops-tui archive restore {made.name}@{made.version}")
        return folder

    def _compared(self, made: Any, files: Mapping[str, str], digest: str) -> None:
        expected = digest or made.tags.get("digest", "")
        if not expected:
            raise Refusal(f"{made.name} version {made.version} was registered without a digest.", where=self.uri,
                          next="Train it here, or log it again through mlops-tui.")
        if MODEL_FILE not in files or listed(files) != expected:
            raise Unreadable(f"The files of {made.name} version {made.version} are not the ones that were registered.",
                             where=str(self._folder(made.source)), next=f"Train it again: mlops-tui train {made.name}")

    def _checked(self, made: Any, files: Mapping[str, str], digest: str) -> None:
        """Whether the files are the ones that were registered, and signed where the project wants it."""
        self._compared(made, files, digest)
        if self.policy.require:
            self.vault.signed(self._folder(made.source), files)

    def purge(self, runs: Iterable[str], models: Iterable[str], experiments: Iterable[str]) -> None:
        """Remove records for good; as `mlflow gc` does, without the files: those it would look for where a project
        that was copied lay before."""
        store = self._client._tracking_client.store
        with _refusals(self.uri):
            for names, delete in ((models, store._hard_delete_logged_model), (runs, store._hard_delete_run),
                                  (experiments, store._hard_delete_experiment)):
                for name in names:
                    with _gone():
                        delete(name)

    def _folder(self, source: str) -> Path:
        """Where the files are: under our own artifacts first, since a project may have been moved."""
        if not self.local:
            target = self.artifacts / "fetched" / hashlib.sha256(source.encode()).hexdigest()[:16]
            with _refusals(self.uri):
                download = _mlflow().artifacts.download_artifacts
                return Path(download(artifact_uri=source, dst_path=str(_made(target)), tracking_uri=self.uri))
        place = Path(unquote(urlparse(source).path))
        ours = self.artifacts.joinpath(*place.parts[-4:])
        return ours if ours.exists() else place

    def load(self, model: str, version: int | str, *, digest: str = "") -> Any:
        """The fitted estimator of a version, verified; trusted types only."""
        return self.load_prepared(model, version, digest=digest)[0]

    def load_prepared(self, model: str, version: int | str, *, digest: str = "") -> tuple[Any, str]:
        """The same, and the parameters of what is done to a row before the estimator reads it; or nothing."""
        made = self._made(model, version)
        folder = self._there(made)
        if not self.vault.is_sealed(folder):
            try:
                return self._loaded(made, folder, digest)
            except (FileNotFoundError, Unreadable):
                if not self.vault.is_sealed(folder):  # else it was sealed while we read
                    raise
        files, hashes = self.vault.files(folder)
        self._checked(made, hashes, digest)
        return _estimators().loads(files[MODEL_FILE], folder), files.get(PREPARE_FILE, b"").decode()

    def _loaded(self, made: Any, folder: Path, digest: str) -> tuple[Any, str]:
        self._checked(made, self.vault.hashes(folder), digest)
        prepare = folder / PREPARE_FILE
        return (_estimators().load(folder / MODEL_FILE),
                prepare.read_text(encoding="utf-8") if prepare.exists() else "")


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and hashes of a model's plain files."""
    return listed(hashed(folder))


def _lay_tables(database: Path) -> None:
    """Make a new store whole or not at all: MLflow's migrations neither survive a kill nor two processes at once."""
    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        draft, ready = Path(folder) / "draft.db", Path(folder) / "ready.db"
        _mlflow().MlflowClient(tracking_uri=f"sqlite:///{draft}")
        shutil.copyfile(draft, ready)  # the draft stays open in this process
        with suppress(FileExistsError):  # somebody else was first
            os.link(ready, database)


def _lay_out(folder: Path, record: Record, run_id: str, model_id: str) -> None:
    """Write what MLflow reads beside the estimator: flavours, signature and requirements, all given, none inferred."""
    requirements = [f"{name}=={metadata.version(name)}" for name in REQUIREMENTS]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    environment = {"python": platform.python_version(), "build_dependencies": ["pip"],
                   "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")
    models, types = _mlflow().models, _mlflow().types
    inputs = types.Schema([types.ColSpec(each.type, each.name, required=each.required) for each in record.inputs])
    dtype = import_module("numpy").dtype("str" if record.answers < 0 else "float64")
    output = types.TensorSpec(dtype, (-1, record.answers) if record.answers > 0 else (-1,))
    signature = models.ModelSignature(inputs=inputs, outputs=types.Schema([output]))
    document = models.Model(run_id=run_id, model_id=model_id, signature=signature)
    document.add_flavor("python_function", loader_module="mlflow.sklearn", python_version=platform.python_version(),
                        model_path=MODEL_FILE, predict_fn=record.predict, env={"virtualenv": "python_env.yaml"})
    document.add_flavor("sklearn", pickled_model=MODEL_FILE, sklearn_version=metadata.version("scikit-learn"),
                        serialization_format="skops", code=None, skops_trusted_types=list(TRUSTED))
    document.save(str(folder / "MLmodel"))


def _mlflow() -> Any:
    """mlflow, silenced: no telemetry, no log lines, no progress bars. Imported here since it costs two CPU seconds."""
    os.environ.update(_QUIET)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    with _unwarned():
        return import_module("mlflow")


def _estimators() -> Any:
    """store/estimators.py, imported here since skops imports the whole of scikit-learn."""
    return import_module("store.estimators")


def _version(made: Any) -> Version:
    created = datetime.fromtimestamp(made.creation_timestamp / 1000, UTC)
    tags = dict(made.tags)
    return Version(made.name, int(made.version), made.run_id or "", tags.get("digest", ""), created, tags)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _plain(name: str) -> str:
    if "'" in name:
        raise NotFound(f"No model {name!r} in MLflow.")
    return name


@contextmanager
def _refusals(uri: str, missing: str = "Not found in MLflow.") -> Iterator[None]:
    """What MLflow complains about, as refusals; what it warns about is not our user's to mend."""
    try:
        with _unwarned():
            yield
    except _mlflow().MlflowException as problem:
        if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise NotFound(missing, where=uri) from problem
        if "Max retries exceeded" in str(problem):
            raise Refusal("The MLflow server does not answer.", where=uri,
                          next="Check `stores: mlflow:` in mlops.yaml.") from problem
        raise Refusal(f"MLflow: {str(problem).splitlines()[0]}", where=uri) from problem


@contextmanager
def _unwarned() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _gone() -> Iterator[None]:
    """Somebody else may have removed it first."""
    try:
        yield
    except _mlflow().MlflowException as problem:
        if problem.error_code not in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise


@contextmanager
def _existing() -> Iterator[None]:
    """Somebody else may have made it first."""
    try:
        yield
    except _mlflow().MlflowException as problem:
        if problem.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
