"""``Datastore`` of the SDK: a name for a place that holds data; a folder of this machine unless said otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..absent import INTERNAL, Recreated
from ..errors import NameNotFoundException, UserErrorException
from .copying import fetch, put
from .places import clean_path, exists, files_of, is_address, is_local

if TYPE_CHECKING:
    from ..workspace import Workspace
    from .reference import DataReference

BUILT_IN = ("workspaceblobstore", "workspacefilestore")
"""Those that every workspace has, as in Azure; the first is the default."""

_NAME = re.compile(r"[a-zA-Z0-9_]{1,255}", re.ASCII)
_SECRET = re.compile(r"secret|password|token|(^|_)key$|credential|connection_string|passphrase", re.IGNORECASE)
_NO_AZURE = (
    "There is no Azure here to register. A folder of this machine is registered with Datastore.register_folder(ws,"
    " '{name}', '/path'), and any storage that fsspec knows with Datastore.register_address(ws, '{name}',"
    " 's3://bucket/folder')."
)


class Datastore(Recreated):
    """A place for data, by name. Every workspace has two: folders of its own.

    Args:
        workspace: the workspace that knows it.
        name: its name, default that of the default one.

    Raises:
        NameNotFoundException: the workspace has none of that name; the message suggests the nearest.
    """

    _absent = dict.fromkeys(("account_key", "account_name", "container_name", "endpoint", "sas_token"), INTERNAL)

    def __init__(self, workspace: Workspace, name: str | None = None) -> None:
        self._workspace = workspace
        self.name: str = default_name(workspace) if name is None else str(name)
        self._place = place_of(workspace, self.name)

    # --- finding -----------------------------------------------------------------------------------------------------

    @staticmethod
    def get(workspace: Workspace, datastore_name: str) -> Datastore:
        """The datastore of that name.

        Raises:
            NameNotFoundException: there is none.
        """
        return Datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: Workspace) -> Datastore:
        """The default datastore of a workspace."""
        return Datastore(workspace)

    @property
    def workspace(self) -> Workspace:
        """The workspace that knows it."""
        return self._workspace

    @property
    def datastore_type(self) -> str:
        """``Folder``, or ``Address`` for one that is reached through fsspec."""
        return "Folder" if is_local(self._place) else "Address"

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that it is, or None."""
        return Path(self._place["base"]) if is_local(self._place) else None

    # --- registering -------------------------------------------------------------------------------------------------

    @staticmethod
    def register_folder(
        workspace: Workspace, datastore_name: str, path: str | os.PathLike[str], overwrite: bool = False
    ) -> Datastore:
        """Give a folder of this machine a name in the workspace.

        Raises:
            UserErrorException: there is no such folder, or the name cannot be one or is taken.
        """
        folder = Path(path).expanduser().absolute()
        if not folder.is_dir():
            raise UserErrorException(f"There is no folder {folder}. Make it first, or correct the path.")
        return _register(workspace, datastore_name, {"base": str(folder)}, overwrite)

    @staticmethod
    def register_address(
        workspace: Workspace, datastore_name: str, address: str, overwrite: bool = False, **options: Any
    ) -> Datastore:
        """Give a storage that fsspec knows a name in the workspace, such as ``s3://bucket/folder``.

        Args:
            options: those of fsspec's file system, such as ``endpoint_url``. No secret is kept: say ``env:NAME`` or
                ``keyring:SERVICE`` where it is, or leave it out where the storage's own settings have it.

        Raises:
            UserErrorException: it is no address, fsspec or its part for it is not installed, an option is a secret,
                or the name cannot be one or is taken.
        """
        from .places import filesystem

        if not isinstance(address, str) or not is_address(address):
            raise UserErrorException(
                f"{address!r} is no address such as 's3://bucket/folder'. A folder of this machine is registered with"
                " Datastore.register_folder."
            )
        if re.match(r"[^/]+://[^/]*:[^/]*@", address):
            raise UserErrorException("The address holds a password. Give it as an option: password='env:NAME'.")
        _refuse_secrets(options)
        place = {"base": address.rstrip("/"), "options": options}
        try:
            filesystem(place)
        except UserErrorException as error:
            if "is to be in the environment variable" not in error.message:
                raise
        return _register(workspace, datastore_name, place, overwrite)

    @staticmethod
    def _no_azure(workspace: Workspace, datastore_name: str = "data", *_: Any, **__: Any) -> Datastore:
        """Refused: there is no Azure.

        Raises:
            UserErrorException: always, with what to do instead.
        """
        raise UserErrorException(_NO_AZURE.format(name=datastore_name))

    register_azure_blob_container = register_azure_file_share = register_azure_data_lake = _no_azure
    register_azure_data_lake_gen2 = register_azure_my_sql = register_azure_postgre_sql = _no_azure
    register_azure_sql_database = register_dbfs = register_hdfs = _no_azure

    def set_as_default(self) -> None:
        """Make it the default one of its workspace."""
        set_default(self._workspace, self.name)

    def unregister(self) -> None:
        """Forget the name; the data stays where it is.

        Raises:
            UserErrorException: every workspace has this one.
        """
        if self.name in BUILT_IN:
            raise UserErrorException(f"'{self.name}' is part of every workspace and cannot be unregistered.")
        self._workspace.store.delete_datastore(self.name)
        if default_name(self._workspace) == self.name:
            set_default(self._workspace, BUILT_IN[0])

    # --- what is in it -----------------------------------------------------------------------------------------------

    def upload(
        self,
        src_dir: str | os.PathLike[str],
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy a folder into it; what is there already stays, unless ``overwrite``.

        Raises:
            UserErrorException: there is no such folder, or it cannot be read or written.
        """
        folder = Path(src_dir).expanduser()
        if not folder.is_dir():
            raise UserErrorException(f"src_dir must be a folder, and there is none at {folder.absolute()}.")
        names = [file.name for file in files_of({"base": str(folder.absolute())}, "").files]
        self._upload([(str(folder / name), name) for name in names], target_path, overwrite, show_progress)
        return self.path(target_path)

    def upload_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        relative_root: str | os.PathLike[str] | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy files into it.

        Args:
            relative_root: the folder that their names in the datastore start at, default the one they share.

        Raises:
            UserErrorException: a file is missing or lies elsewhere, or cannot be read or written.
        """
        if isinstance(files, (str, os.PathLike)) or not files:
            raise UserErrorException("files takes a list of paths, such as ['./data/a.csv'].")
        paths = [os.path.abspath(os.path.expanduser(file)) for file in files]
        missing = [path for path in paths if not os.path.isfile(path)]
        if missing:
            raise UserErrorException(f"There is no file {missing[0]}.")
        parent = os.path.commonpath([os.path.dirname(path) for path in paths])
        root = os.path.abspath(os.path.expanduser(relative_root)) if relative_root else parent
        outside = [path for path in paths if not path.startswith(os.path.join(root, ""))]
        if outside:
            raise UserErrorException(f"{outside[0]} does not lie in relative_root, {root}.")
        self._upload([(path, os.path.relpath(path, root)) for path in paths], target_path, overwrite, show_progress)
        return self.path(target_path)

    def _upload(
        self, pairs: Sequence[tuple[str, str]], target_path: str | None, overwrite: bool, show_progress: bool
    ) -> None:
        target = clean_path(target_path)
        say = print if show_progress else lambda *_: None
        say(f"Uploading an estimated of {len(pairs)} files")
        done = 0
        for source, name in pairs:
            path = f"{target}/{name}" if target else name
            if not overwrite and exists(self._place, path):
                say(f"Target already exists. Skipping upload for {path}")
                continue
            say(f"Uploading {source}")
            put(source, self._place, path)
            done += 1
            say(f"Uploaded {source}, {done} files out of an estimated total of {len(pairs)}")
        say(f"Uploaded {done} files")

    def download(
        self,
        target_path: str | os.PathLike[str],
        prefix: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Copy files out of it to a folder; returns how many.

        Args:
            prefix: the folder or file of the datastore, default all of it.
            overwrite: whether a file that is there already is copied again.

        Raises:
            UserErrorException: there is nothing at ``prefix``.
        """
        folder, below = Path(target_path).expanduser(), clean_path(prefix)
        found = files_of(self._place, below)
        start = below.rpartition("/")[0] if found.kind == "file" else below
        done = 0
        for file in found.files:
            target = folder / start / file.name
            if target.exists() and not overwrite:
                continue
            fetch(file, str(target))
            done += 1
            if show_progress:
                print(f"Downloaded {target}, {done} files out of an estimated total of {len(found.files)}")
        return done

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A folder or file in it, to be handed to a job."""
        from .reference import DataReference

        return DataReference(self, data_reference_name, clean_path(path) or None)

    def as_mount(self) -> DataReference:
        """All of it, for a job to read and write in place."""
        return self.path().as_mount()

    def as_download(self, path_on_compute: str | None = None) -> DataReference:
        """All of it, for a job that gets a copy."""
        return self.path().as_download(path_on_compute)

    def as_upload(self, path_on_compute: str | None = None) -> DataReference:
        """All of it, for a job whose files are copied into it when it is over."""
        return self.path().as_upload(path_on_compute)

    def __repr__(self) -> str:
        return f"Datastore(name='{self.name}', place='{self._place['base']}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Datastore) and (other.name, other._place) == (self.name, self._place)

    def __hash__(self) -> int:
        return hash((self.name, self._place["base"]))

    def __deepcopy__(self, memo: object) -> Datastore:
        return self


def _refuse_secrets(options: Mapping[str, Any]) -> None:
    from ..environment.registry.references import check_reference, is_reference

    for name, value in options.items():
        if isinstance(value, Mapping):
            _refuse_secrets(value)
        elif isinstance(value, str) and is_reference(value):
            check_reference(value)
        elif isinstance(value, str) and _SECRET.search(name):
            raise UserErrorException(
                f"The option {name} is a secret, and secrets are not kept. Say where it is: {name}='env:NAME', an"
                f" environment variable, or {name}='keyring:SERVICE'."
            )


def _register(workspace: Workspace, name: object, place: Mapping[str, Any], overwrite: bool) -> Datastore:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(f"{name!r} cannot name a datastore: take letters, digits and underscores.")
    if name in BUILT_IN:
        raise UserErrorException(f"'{name}' is part of every workspace; take another name.")
    there = workspace.store.datastores().get(name)
    if there is not None and there != place and not overwrite:
        raise UserErrorException(
            f"There is a datastore '{name}' already, at {there['base']}. Take another name, or pass overwrite=True."
        )
    workspace.store.save_datastore(name, place)
    return Datastore(workspace, name)


def default_name(workspace: Workspace) -> str:
    """Name of the default datastore."""
    from ..workspace_settings import read_settings

    return str((read_settings(workspace.folder) or {}).get("default_datastore") or BUILT_IN[0])


def set_default(workspace: Workspace, name: str) -> None:
    """Make a datastore the default one.

    Raises:
        NameNotFoundException: there is none of that name.
    """
    from ..workspace_settings import change_settings

    place_of(workspace, name)
    change_settings(workspace.folder, default_datastore=name)


def place_of(workspace: Workspace, name: str) -> dict[str, Any]:
    """Where the files of a datastore are.

    Raises:
        NameNotFoundException: there is none of that name.
    """
    if name in BUILT_IN:
        folder = workspace.folder / "datastores" / name
        folder.mkdir(parents=True, exist_ok=True)
        return {"base": str(folder)}
    known = workspace.store.datastores()
    if name not in known:
        raise NameNotFoundException("datastore", name, [*BUILT_IN, *known])
    return known[name]


def all_datastores(workspace: Workspace) -> dict[str, Datastore]:
    """Name → datastore."""
    return {name: Datastore(workspace, name) for name in (*BUILT_IN, *workspace.store.datastores())}
