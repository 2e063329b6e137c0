"""Datastores, data sets and models of a workspace, as rows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from .database import Database

_DATASET = ("name", "version", "id", "definition", "description", "tags", "run", "created", "modified")


class Assets(Database):
    """What a workspace keeps beside its runs."""

    # --- datastores ----------------------------------------------------------------------------------------------

    def save_datastore(self, name: str, definition: Mapping[str, Any]) -> None:
        """Keep or replace a datastore."""
        with self._connection(write=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO datastores VALUES (?, ?, ?)", (name, json.dumps(definition), time.time())
            )

    def datastores(self) -> dict[str, dict[str, Any]]:
        """Name → definition of what was registered, by name."""
        with self._connection() as connection:
            rows = connection.execute("SELECT name, definition FROM datastores ORDER BY name").fetchall()
        return {name: json.loads(definition) for name, definition in rows}

    def delete_datastore(self, name: str) -> bool:
        """Forget a datastore; False when there was none."""
        with self._connection(write=True) as connection:
            return connection.execute("DELETE FROM datastores WHERE name = ?", (name,)).rowcount > 0

    # --- data sets -----------------------------------------------------------------------------------------------

    def add_dataset(
        self,
        name: str,
        definition: Mapping[str, Any],
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        run: str | None = None,
        request: str | None = None,
    ) -> dict[str, Any]:
        """Enter a data set under the next version of its name; the same request again gives the same one."""
        from uuid import uuid4

        known = _id_of(request) if request else str(uuid4())
        with self._connection(write=True) as connection:
            if not connection.execute("SELECT 1 FROM datasets WHERE id = ?", (known,)).fetchone():
                newest = connection.execute("SELECT max(version) FROM datasets WHERE name = ?", (name,)).fetchone()[0]
                now = time.time()
                texts = (json.dumps(definition), description, json.dumps(dict(tags or {})))
                connection.execute(
                    "INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (name, (newest or 0) + 1, known, *texts, run, now, now),
                )
        return self.datasets(id=known)[0]

    def requested_dataset(self, request: str) -> str | None:
        """The id of the data set that was entered with that request; None when there is none."""
        return _id_of(request) if self.datasets(id=_id_of(request)) else None

    def datasets(self, **wanted: Any) -> list[dict[str, Any]]:
        """Registered data sets with the given ``name``, ``version`` or ``id``, the newest version of a name first."""
        where = " AND ".join(f"{column} = ?" for column in wanted) or "1"
        with self._connection() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(_DATASET)} FROM datasets WHERE {where} ORDER BY name, version DESC",
                list(wanted.values()),
            ).fetchall()
        found = [dict(zip(_DATASET, row, strict=True)) for row in rows]
        return [{**row, "definition": json.loads(row["definition"]), "tags": json.loads(row["tags"])} for row in found]

    def change_dataset(self, id: str, *, description: str | None, tags: Mapping[str, str]) -> None:
        """Set description and tags of a data set."""
        with self._connection(write=True) as connection:
            connection.execute(
                "UPDATE datasets SET description = ?, tags = ?, modified = ? WHERE id = ?",
                (description, json.dumps(dict(tags)), time.time(), id),
            )

    def delete_datasets(self, name: str) -> None:
        """Forget all versions of a data set."""
        with self._connection(write=True) as connection:
            connection.execute("DELETE FROM datasets WHERE name = ?", (name,))

    # --- models --------------------------------------------------------------------------------------------------

    def change_model(self, name: str, version: int, **changes: Any) -> None:
        """Set ``tags``, ``properties`` or ``about`` of a model."""
        with self._connection(write=True) as connection:
            for column in ("tags", "properties", "about"):
                if column in changes:
                    connection.execute(
                        f"UPDATE models SET {column} = ? WHERE name = ? AND version = ?",
                        (json.dumps(changes[column]), name, version),
                    )

    def delete_model(self, name: str, version: int) -> bool:
        """Forget a model, never its number; False when there was none."""
        with self._connection(write=True) as connection:
            done = connection.execute(
                "UPDATE models SET path = '' WHERE name = ? AND version = ? AND path <> ''", (name, version)
            )
            return done.rowcount > 0


def _id_of(request: str) -> str:
    from uuid import NAMESPACE_URL, uuid5

    return str(uuid5(NAMESPACE_URL, request))
